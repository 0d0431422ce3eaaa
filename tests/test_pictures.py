"""Reading picture files: which are opened, their depth and colours; right, or refused, never silently wrong."""

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageFile

import srn_jax
from srn_jax.errors import InputError
from srn_jax.pictures import reading
from srn_jax.pictures.folders import list_pictures
from srn_jax.pictures.photo import read_photo
from srn_jax.pictures.reading import decode
from tests import picture_files as made

GOLDEN = Path(__file__).parent / "golden"


def noise(*shape: int, dtype: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, shape, dtype=dtype)


def rounded(values: np.ndarray) -> np.ndarray:
    return np.round(values / 257).astype(np.uint8)


def both(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Returns a picture as `infer` reads it, and as training does."""
    return read_photo(path).pixels, np.asarray(decode(path))


def told(caplog, name: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if name in record.getMessage()]


DEEP = noise(7, 9, 4, dtype=np.uint16)
DEEP_FILES = {
    "rgb.png": (made.png(DEEP[..., :3], 2), DEEP[..., :3]),
    "grey.png": (made.png(DEEP[..., 0], 0), DEEP[..., :1]),
    "rgb.tif": (made.tiff(DEEP[..., :3], 2), DEEP[..., :3]),
    "rgb_big_endian.tif": (made.tiff(DEEP[..., :3], 2, order=">"), DEEP[..., :3]),
    "apart.tif": (made.tiff(DEEP[..., :3], 2, apart=True), DEEP[..., :3]),
    "apart_big_endian.tif": (made.tiff(DEEP[..., :3], 2, apart=True, order=">"), DEEP[..., :3]),
    "grey.tif": (made.tiff(DEEP[..., :1], 1), DEEP[..., :1]),
    "grey_apart.tif": (made.tiff(DEEP[..., :1], 1, apart=True), DEEP[..., :1]),
    "grey_big_endian.tif": (made.tiff(DEEP[..., :1], 1, order=">"), DEEP[..., :1]),
    "white_is_0.tif": (made.tiff(DEEP[..., :1], 0), 65_535 - DEEP[..., :1]),
    "rgb.ppm": (b"P6 9 7 65535\n" + DEEP[..., :3].astype(">u2").tobytes(), DEEP[..., :3]),
    "grey.pgm": (b"P5 9 7 65535\n" + DEEP[..., 0].astype(">u2").tobytes(), DEEP[..., :1]),
}


@pytest.mark.parametrize("name", DEEP_FILES)
def test_16_bits_are_rounded_and_told(tmp_path, caplog, name):
    raw, values = DEEP_FILES[name]
    (tmp_path / name).write_bytes(raw)
    expected = np.broadcast_to(rounded(values), (7, 9, 3))
    for found in both(tmp_path / name):
        np.testing.assert_array_equal(found, expected)
    messages = told(caplog, name)
    assert len(messages) == 2
    assert all("its 16 bits a channel are rounded to 8" in message for message in messages)
    decode(tmp_path / name)  # again, as in every epoch
    assert len(told(caplog, name)) == 2


def test_channels_apart_of_8_bits_are_no_deep_ones(tmp_path, caplog):
    (tmp_path / "a.tif").write_bytes(made.tiff(noise(7, 9, 3), 2, apart=True))
    for found in both(tmp_path / "a.tif"):
        np.testing.assert_array_equal(found, noise(7, 9, 3))
    assert not caplog.records


def test_associated_transparency_is_taken_apart(tmp_path):
    given = noise(7, 9, 4)
    given[..., 3] = 255
    given[2:5, :, 3] = 128
    given[..., :3] = np.minimum(given[..., :3], given[..., 3:])  # already times the opacity
    for apart in (False, True):
        (tmp_path / "a.tif").write_bytes(made.tiff(given, 2, apart=apart, more=((338, 3, 1, struct.pack("<H", 1)),)))
        expected = given[..., :3] + (255 - given[..., 3:].astype(int))
        for found in both(tmp_path / "a.tif"):
            np.testing.assert_allclose(found, expected, atol=1)


@pytest.mark.parametrize(("bits", "white"), [(10, 1023), (12, 4095)])
def test_grey_of_other_depths_goes_from_black_to_white(tmp_path, bits, white):
    levels = np.linspace(0, white, 12).round().astype(">u2")
    (tmp_path / "a.pgm").write_bytes(f"P5 12 1 {white}\n".encode() + levels.tobytes())
    for found in both(tmp_path / "a.pgm"):
        np.testing.assert_array_equal(found[0, :, 0], np.round(levels / white * 255))
    if bits == 12:
        packed = b"".join(
            bytes([a >> 4, (a & 15) << 4 | b >> 8, b & 255]) for a, b in levels.astype(int).reshape(-1, 2)
        )
        raw = made.tiff(np.zeros((1, 12, 1), np.uint16), 1, bits=12)
        (tmp_path / "a.tif").write_bytes(raw[:-24] + packed)
        for found in both(tmp_path / "a.tif"):
            np.testing.assert_array_equal(found[0, :, 0], np.round(levels / white * 255))


def jpeg_2000(pixels: np.ndarray, bits: int) -> bytes:
    """Returns JPEG 2000 of fewer than 8 bits: what Pillow writes, but for the depth and the middle that comes off."""
    file = io.BytesIO()
    Image.fromarray(pixels + np.uint8(128 - 2 ** (bits - 1))).save(file, "JPEG2000", no_jp2=True)
    raw = bytearray(file.getvalue())
    place = raw.index(b"\xff\x51") + 40
    for channel in range(int.from_bytes(raw[place - 2 : place])):
        raw[place + 3 * channel] = bits - 1
    return bytes(raw)


def test_jpeg_2000_of_16_bits_is_read(tmp_path, caplog):
    values = np.linspace(0, 65_535, 64).astype(np.uint16).reshape(8, 8)
    Image.fromarray(values).save(tmp_path / "a.jp2")
    for found in both(tmp_path / "a.jp2"):
        np.testing.assert_array_equal(found[..., 0], rounded(values))
    assert len(told(caplog, "a.jp2: its 16 bits a channel are rounded to 8")) == 2


def test_jpeg_2000_of_few_bits_goes_to_white(tmp_path):
    levels = np.arange(64, dtype=np.uint8).reshape(8, 8) % 16
    (tmp_path / "a.jp2").write_bytes(jpeg_2000(levels, 4))
    for found in both(tmp_path / "a.jp2"):
        np.testing.assert_array_equal(found[..., 0], levels * 17)


# Two files of encoders that Pillow lacks.
def test_avif_of_10_bits_is_told(tmp_path, caplog):
    for found in both(GOLDEN / "rgb10.avif"):
        np.testing.assert_allclose(found[10, ::8, 0], [0, 32, 64, 96, 128, 160, 191, 223], atol=1)
    assert len(told(caplog, "rgb10.avif: its 10 bits a channel are rounded to 8")) == 2


def test_jpeg_2000_of_16_bits_in_colour_is_told(tmp_path, caplog):
    for found in both(GOLDEN / "rgb16.jp2"):
        np.testing.assert_allclose(found[10, ::8, 2], [23, 41, 59, 78, 96, 114, 133, 151], atol=1)
    assert len(told(caplog, "rgb16.jp2: its 16 bits a channel are rounded to 8")) == 2


def test_heic_of_10_bits_is_told(tmp_path, caplog, monkeypatch):
    opened = reading.open_picture

    def deep(raw: bytes) -> ImageFile.ImageFile:
        picture = opened(raw)
        picture.info["bit_depth"] = 10  # no encoder is at hand
        return picture

    monkeypatch.setattr(reading, "open_picture", deep)
    both(GOLDEN / "turned.heic")
    assert len(told(caplog, "turned.heic: its 10 bits a channel are rounded to 8")) == 2


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [
        (np.int32, "32 signed bits"),
        (np.float32, "32 floating bits"),
        (np.uint32, "32 bits"),
        (np.int16, "16 signed bits"),
        (np.int8, "8 signed bits"),
    ],
)
def test_numbers_without_a_black_and_a_white_are_refused(tmp_path, dtype, kind):
    form = {"i": 2, "f": 3, "u": 1}[np.dtype(dtype).kind]
    raw = made.tiff(np.arange(64).reshape(8, 8, 1).astype(dtype), 1, more=((339, 3, 1, struct.pack("<H", form)),))
    (tmp_path / "a.tif").write_bytes(raw)
    for read in (read_photo, decode):
        with pytest.raises(ValueError, match=rf"it has {kind} a channel; it takes up to 16 without a sign"):
            read(tmp_path / "a.tif")


# Transparency and profiles.
ALPHA = np.broadcast_to(np.where(np.arange(9) < 3, 0, 255).astype(np.uint8), (7, 9))


def profile(space: bytes) -> bytes:
    """Returns an ICC profile of grey with gamma 2.2; or, which cannot be used, the header of one of `space`."""
    if space != b"GRAY":
        return bytes(16) + space + bytes(200)
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(65_536 * one) for one in (0.9642, 1.0, 0.8249)))
    curve = b"curv\0\0\0\0" + struct.pack(">IHH", 1, round(2.2 * 256), 0)
    about = b"desc\0\0\0\0" + struct.pack(">I", 2) + b"g\0" + bytes(78)
    places, tags, data = 128 + 4 + 3 * 12, b"", b""
    for name, value in ((b"desc", about), (b"wtpt", white), (b"kTRC", curve)):
        tags += struct.pack(">4sII", name, places + len(data), len(value))
        data += value.ljust(-(-len(value) // 4) * 4, b"\0")
    header = struct.pack(">I4sI4s4s4s", places + len(data), b"", 0x02400000, b"mntr", space, b"XYZ ") + bytes(12)
    header += b"acsp" + bytes(28) + struct.pack(">3i", 63_190, 65_536, 54_061)
    return header.ljust(128, b"\0") + struct.pack(">I", 3) + tags + data


GREY = profile(b"GRAY")


def grey_in_srgb(level: np.ndarray) -> np.ndarray:
    linear = (level / 255) ** 2.2
    return 255 * np.where(linear < 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("kind", ["LA.png", "LA16.png", "level.png", "level16.png", "LA.tif", "LA.webp"])
def test_transparency_stays_beside_a_grey_profile(tmp_path, kind):
    level, path = noise(7, 9) // 2 * 2, tmp_path / kind
    level[:, :3] = 71  # what no other pixel has
    deep = level.astype(np.uint16) * 257
    iccp = (b"iCCP", b"g\0\0" + zlib.compress(GREY))
    if kind == "LA16.png":
        path.write_bytes(made.png(np.dstack([deep, ALPHA.astype(np.uint16) * 257]), 4, (iccp,)))
    elif kind == "level16.png":
        path.write_bytes(made.png(deep, 0, (iccp, (b"tRNS", struct.pack(">H", 71 * 257)))))
    elif kind == "level.png":
        path.write_bytes(made.png(level, 0, (iccp, (b"tRNS", struct.pack(">H", 71)))))
    elif kind == "LA.webp":
        Image.fromarray(np.dstack([level] * 3 + [ALPHA])).save(path, lossless=True, exact=True)
    else:
        Image.fromarray(np.dstack([level, ALPHA]), "LA").save(path, icc_profile=GREY)
    photo = read_photo(path)
    assert photo.transparent is not None
    np.testing.assert_array_equal(photo.transparent[..., 3], ALPHA)
    expected = np.where(ALPHA, level if kind == "LA.webp" else grey_in_srgb(level), 255)
    for found in (photo.pixels, np.asarray(decode(path))):
        np.testing.assert_allclose(found, np.dstack([expected] * 3), atol=2)
    assert photo.profile is None  # the pixels are in sRGB


def test_a_transparent_colour_of_16_bits_hides_it_alone(tmp_path):
    given = noise(7, 9, 3, dtype=np.uint16)
    given[0, :4] = 5_000, 6_000, 7_000
    given[1, :4] = 5_001, 6_000, 7_000  # another, of the same high bytes
    (tmp_path / "a.png").write_bytes(made.png(given, 2, ((b"tRNS", struct.pack(">3H", 5_000, 6_000, 7_000)),)))
    photo = read_photo(tmp_path / "a.png")
    assert photo.transparent is not None
    assert np.argwhere(photo.transparent[..., 3] == 0).tolist() == [[0, column] for column in range(4)]
    np.testing.assert_array_equal(photo.transparent[1:, :, :3], rounded(given[1:]))


@pytest.mark.parametrize(("bits", "level"), [(1, 1), (2, 1), (4, 6)])
def test_a_transparent_level_of_few_bits(tmp_path, bits, level):
    row = struct.pack(">B", {1: 0b01010101, 2: 0b00011011, 4: 0x16}[bits])
    values = [row[0] >> shift & (1 << bits) - 1 for shift in range(8 - bits, -1, -bits)]
    plain = made.png(np.zeros((1, 1), np.uint8), 0)
    header = struct.pack(">IIBBBBB", len(values), 1, bits, 0, 0, 0, 0)
    parts = [
        (b"IHDR", header),
        (b"tRNS", struct.pack(">H", level)),
        (b"IDAT", zlib.compress(b"\0" + row)),
        (b"IEND", b""),
    ]
    chunks = (struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in parts)
    (tmp_path / "a.png").write_bytes(plain[:8] + b"".join(chunks))
    white = (1 << bits) - 1
    expected = [255 if value == level else round(value / white * 255) for value in values]
    for found in both(tmp_path / "a.png"):
        assert found[0, :, 0].tolist() == expected


MODES = ("P", "P-level", "P-levels", "PA", "RGB", "CMYK")
UNFIT = [(mode, space) for mode in MODES for space in (b"GRAY", b"CMYK", b"Lab ") if (mode, space) != ("CMYK", b"CMYK")]


@pytest.mark.parametrize(("mode", "space"), UNFIT)
def test_a_profile_of_other_colours_is_left_out_and_named(tmp_path, caplog, mode, space):
    palette = Image.fromarray(noise(7, 9, 3)).quantize(16)
    picture = {"RGB": Image.fromarray(noise(7, 9, 3)), "CMYK": Image.fromarray(noise(7, 9, 4), "CMYK")}.get(
        mode, palette
    )
    if mode == "PA":
        picture = palette.convert("RGBA").convert("PA")
    more = {"P-level": {"transparency": 3}, "P-levels": {"transparency": bytes(range(16))}}.get(mode, {})
    path = tmp_path / ("a.tif" if mode in ("CMYK", "PA") else "a.png")
    picture.save(path, **more)
    expected = both(path)
    picture.save(path, icc_profile=profile(space), **more)
    for found, without in zip(both(path), expected, strict=True):
        np.testing.assert_array_equal(found, without)
    assert read_photo(path).profile is None
    named = told(caplog, f"a.{path.suffix[1:]}: its colour profile is one of {space.decode().strip()!r}, not of")
    assert len(named) >= 2


def test_a_profile_that_cannot_be_used_is_named(tmp_path, caplog):
    Image.fromarray(noise(8, 8, 4), "CMYK").save(tmp_path / "a.jpg", icc_profile=profile(b"CMYK"))
    both(tmp_path / "a.jpg")
    assert len(told(caplog, "a.jpg: its colour profile cannot be used, and is left out")) == 2


def test_grey_with_a_profile_of_rgb_keeps_it(tmp_path, caplog):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(noise(8, 8)).save(tmp_path / "a.png", icc_profile=srgb)
    photo = read_photo(tmp_path / "a.png")
    np.testing.assert_array_equal(photo.pixels, np.dstack([noise(8, 8)] * 3))
    assert photo.profile == srgb
    assert not caplog.records


# Formats.
POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 48\nshowpage\n"
FOREIGN = {
    "postscript": POSTSCRIPT,
    "icon": b"\0\0\1\0\1\0" + bytes(60),
    "pdf": b"%PDF-1.4\n",
    "text": b"no picture",
    "empty": b"",
}


def test_a_kind_of_tiff_that_is_not_read_is_told_from_no_picture(tmp_path):
    more = ((339, 3, 1, struct.pack("<H", 3)),)
    (tmp_path / "a.tif").write_bytes(made.tiff(np.zeros((4, 4, 3), np.float32), 2, more=more))
    with pytest.raises(
        InputError, match=r"a.tif is no picture .*it begins as TIFF does, but is damaged, or has channels"
    ):
        read_photo(tmp_path / "a.tif")


@pytest.mark.parametrize("kind", FOREIGN)
def test_no_other_formats_are_opened_whatever_their_names(tmp_path, monkeypatch, kind):
    monkeypatch.setattr("subprocess.check_call", lambda *_, **__: pytest.fail("a program was run"))
    (tmp_path / "a.jpg").write_bytes(FOREIGN[kind])
    with pytest.raises(
        InputError, match=r"a.jpg is no picture that can be read \(cannot identify image file: it is none of AVIF"
    ):
        read_photo(tmp_path / "a.jpg")
    with pytest.raises(OSError, match="it is none of AVIF, BMP"):
        decode(tmp_path / "a.jpg")


def test_all_files_are_opened_through_the_one_list():
    source = Path(srn_jax.__file__).parent
    opening = [file.name for file in source.rglob("*.py") if "Image.open(" in file.read_text()]
    assert opening == ["formats.py"]


# Folders.
def save(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(4, 4, 3)).save(path)


def names(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in list_pictures(str(folder), "--input")]


def test_links_to_folders_are_followed(tmp_path):
    save(tmp_path / "data" / "a.png")
    save(tmp_path / "elsewhere" / "deep" / "b.png")
    (tmp_path / "data" / "link").symlink_to(tmp_path / "elsewhere")
    assert names(tmp_path / "data") == ["a.png", "link/deep/b.png"]


def test_links_lead_in_no_circle(tmp_path, caplog):
    data = tmp_path / "data"
    save(data / "sub" / "a.png")
    save(tmp_path / "beside.png")
    (data / "again").symlink_to(data / "sub")  # what is listed already
    (data / "sub" / "self").symlink_to(data)
    (data / "sub" / "above").symlink_to(tmp_path)
    (tmp_path / "out").mkdir()
    save(tmp_path / "out" / "b.png")
    (tmp_path / "out" / "back").symlink_to(data)
    (data / "out").symlink_to(tmp_path / "out")
    assert names(data) == ["out/b.png", "sub/a.png"]
    assert len(told(caplog, "above is left out: it leads to a folder above the data")) == 1


def test_links_to_nothing_are_named(tmp_path, caplog):
    save(tmp_path / "a.png")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "round").symlink_to(tmp_path / "round")
    assert names(tmp_path) == ["a.png"]
    assert len(told(caplog, "gone.png is left out: No such file")) == 1
    assert len(told(caplog, "round is left out: Too many levels of symbolic links")) == 1


def test_folders_that_may_not_be_read_are_named(tmp_path, caplog, monkeypatch):
    for name in ("a.png", "locked/b.png", "open/c.png"):
        save(tmp_path / name)
    scan = os.scandir

    def scandir(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert names(tmp_path) == ["a.png", "open/c.png"]
    assert len(told(caplog, f"{tmp_path / 'locked'} is left out: Permission denied")) == 1


def test_files_that_may_not_be_looked_at_are_named(tmp_path, caplog, monkeypatch):
    save(tmp_path / "a.png")
    save(tmp_path / "b.png")
    look = os.stat

    def stat(path, *arguments, **options):
        if str(path).endswith("b.png"):
            raise PermissionError(13, "Permission denied", str(path))
        return look(path, *arguments, **options)

    monkeypatch.setattr(os, "stat", stat)
    assert names(tmp_path) == ["a.png"]
    assert len(told(caplog, "b.png is left out: Permission denied")) == 1


@pytest.mark.parametrize("whole", [True, False])
def test_a_broken_profile_of_rgb_is_left_out_and_named(tmp_path, caplog, whole):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profile = profile if whole else profile[:100]
    Image.fromarray(noise(5, 4, 3)).save(tmp_path / "a.png", icc_profile=profile)
    assert read_photo(tmp_path / "a.png").profile == (profile if whole else None)
    assert len(told(caplog, "a.png: its colour profile cannot be used, and is left out")) == (not whole)


def test_grey_with_opacity_of_16_bits_is_rounded(tmp_path, caplog):
    values = noise(9, 7, 2, dtype=np.uint16)
    (tmp_path / "a.png").write_bytes(made.png(values, 4))
    photo = read_photo(tmp_path / "a.png")
    assert photo.transparent is not None
    np.testing.assert_array_equal(photo.transparent[..., 2:], (values.astype(int) + 128) // 257)
    assert told(caplog, "16 bits")


def test_what_a_png_says_and_nothing_keeps_is_named(tmp_path, caplog):
    text = b"zTXt", b"Raw profile type APP1\0\0" + zlib.compress(b"\nAPP1\n   0\n")
    lost = (b"mDCV", bytes(24)), (b"cLLI", bytes(8)), (b"sBIT", b"\x10\x10"), (b"iCCP", b"x\0\0no profile"), text
    (tmp_path / "a.png").write_bytes(made.png(noise(3, 4), 0, lost))
    read_photo(tmp_path / "a.png")
    for words in (
        "mastering display",
        "light level",
        "number of significant",
        "EXIF, in ImageMagick's",
        "colour profile",
    ):
        assert told(caplog, f"a.png: its {words}"), words
