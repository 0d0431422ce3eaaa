"""Photographs as people have them, in and out."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms, ImageOps

from srn_jax.errors import InputError
from srn_jax.pictures.folders import list_pictures
from srn_jax.pictures.photo import Photo, check_output, fitted, read_photo, write_photo
from srn_jax.pictures.reading import decode
from tests import picture_files

TURNED = Path(__file__).parent / "golden" / "turned.heic"
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("ending", ["png", "jpg", "webp"])
def test_profile_and_exif_come_back(tmp_path, ending):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera"
    source, target = tmp_path / f"in.{ending}", tmp_path / f"out.{ending}"
    Image.fromarray(noise(9, 7, 3)).save(source, exif=exif, icc_profile=SRGB)
    photo = read_photo(source)
    assert photo.pixels.shape == (7, 9, 3)  # upright
    write_photo(target, noise(20, 30, 3), photo, (1, 2))
    with Image.open(target) as made:
        assert made.info["icc_profile"] == SRGB
        assert dict(made.getexif()) == {0x010F: "a camera"}  # and no orientation: it would be turned twice


@pytest.mark.parametrize("ending", ["png", "webp"])
def test_transparent_pixels_stay(tmp_path, ending):
    given = noise(6, 8, 4)
    given[0, :4, 3] = 0
    Image.fromarray(given).save(tmp_path / "in.png")
    photo = read_photo(tmp_path / "in.png")
    opacity = given[..., 3:].astype(float) / 255
    np.testing.assert_allclose(photo.pixels, given[..., :3] * opacity + 255 * (1 - opacity), atol=1)
    canvas = noise(10, 14, 3)
    write_photo(tmp_path / f"out.{ending}", canvas, photo, (3, 5))
    with Image.open(tmp_path / f"out.{ending}") as made:
        found = np.array(made)
    np.testing.assert_array_equal(found[3:9, 5:13], given)  # colours that nobody sees, too
    found[3:9, 5:13] = np.dstack([canvas, np.full((10, 14), 255)])[3:9, 5:13]
    np.testing.assert_array_equal(found, np.dstack([canvas, np.full((10, 14), 255)]))


def test_an_alpha_channel_that_hides_nothing_is_dropped(tmp_path):
    Image.fromarray(noise(6, 8, 3)).convert("RGBA").save(tmp_path / "in.png")
    photo = read_photo(tmp_path / "in.png")
    assert photo.transparent is None
    np.testing.assert_array_equal(photo.pixels, noise(6, 8, 3))


def test_a_telephones_photograph_is_read_upright(tmp_path):
    photo = read_photo(TURNED)
    assert photo.pixels.shape == (48, 32, 3)
    np.testing.assert_allclose(photo.pixels[4:20, 4:28].mean((0, 1)), (200, 40, 40), atol=4)  # red came to the top
    np.testing.assert_allclose(photo.pixels[28:44, 4:28].mean((0, 1)), (40, 40, 200), atol=4)
    write_photo(tmp_path / "out.jpg", noise(60, 40, 3), photo, (1, 2))
    with Image.open(tmp_path / "out.jpg") as made:
        assert made.info["icc_profile"] == photo.profile is not None
        assert 0x0112 not in made.getexif() or made.getexif()[0x0112] == 1
    assert TURNED in list_pictures(str(TURNED.parent), "--input")


def test_what_reads_heic_is_named_where_it_lacks(monkeypatch):
    monkeypatch.delitem(Image.OPEN, "HEIF")
    monkeypatch.setattr(Image, "ID", [name for name in Image.ID if name != "HEIF"])
    with pytest.raises(InputError, match=r"turned.heic is no picture.*it is HEIC, which `pip install pi-heif` lets be"):
        read_photo(TURNED)


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_numbers_without_a_black_and_a_white_are_refused(tmp_path, dtype):
    Image.fromarray(np.arange(64).reshape(8, 8).astype(dtype)).save(tmp_path / "in.tif")
    with pytest.raises(InputError, match=r"in.tif is no picture .*32 \w+ bits a channel; it takes up to 16 without"):
        read_photo(tmp_path / "in.tif")


def test_a_picture_of_too_many_pixels_is_named(tmp_path, monkeypatch):
    Image.fromarray(noise(9, 7, 3)).save(tmp_path / "in.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 31)
    with pytest.raises(
        InputError, match=r"in.png has more pixels than can be worked on \(Image size \(63 pixels\) exc"
    ):
        read_photo(tmp_path / "in.png")


def test_damaged_exif_costs_the_exif_alone(tmp_path):
    Image.fromarray(noise(9, 7, 3)).save(tmp_path / "in.png", exif=b"Exif\0\0MM\0nonsense that is no EXIF at all")
    photo = read_photo(tmp_path / "in.png")
    np.testing.assert_array_equal(photo.pixels, noise(9, 7, 3))
    assert photo.exif == b""
    assert decode(tmp_path / "in.png").size == (7, 9)


ORIENTATIONS = {3: "H", 4: "I", 8: "h", 9: "i"}  # by TIFF's number of a type
MAKE, ARTIST = (271, 2, 8, b"K\xfcche AG"), (315, 2, 14, b"J\xc3\xb6rg \xe6\x97\xa5 \xff\0\x01")


def written(path: Path, raw: bytes, target: Path) -> Image.Image:
    """Returns Pillow's picture of what is made of a photograph's bytes."""
    path.write_bytes(raw)
    photo = read_photo(path)
    write_photo(target, np.zeros((99, 99, 3), np.uint8), photo, (0, 0))
    made = Image.open(io.BytesIO(target.read_bytes()))
    made.load()
    return made


def with_exif(block: bytes, ending: str, tmp_path: Path) -> bytes:
    Image.fromarray(noise(9, 7, 3)).save(tmp_path / f"plain.{ending}", exif=block)
    return (tmp_path / f"plain.{ending}").read_bytes()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("ending", ["jpg", "png", "webp"])
@pytest.mark.parametrize("kind", [*ORIENTATIONS, 1, 2, 5])
def test_exif_comes_back_byte_for_byte(tmp_path, ending, kind, order):
    """An orientation is followed, and taken out, where it is a whole number; of other types viewers do not read it."""
    if kind in ORIENTATIONS:
        value = struct.pack(order + ORIENTATIONS[kind], 6)
    else:
        value = {1: b"\x06", 2: b"6\0", 5: struct.pack(order + "II", 6, 1)}[kind]
    orientation = (0x0112, kind, 2 if kind == 2 else 1, value)
    block = picture_files.exif([MAKE, orientation, ARTIST], order)
    made = written(tmp_path / f"in.{ending}", with_exif(block, ending, tmp_path), tmp_path / f"out.{ending}")
    found = b"Exif\0\0" + made.info["exif"].removeprefix(b"Exif\0\0")
    photo = read_photo(tmp_path / f"in.{ending}")
    if kind in ORIENTATIONS:
        assert photo.pixels.shape == (7, 9, 3)
        assert len(found) == len(block)
        assert 0x0112 not in made.getexif()
        behind = block.index(MAKE[3])
        assert found[behind:] == block[behind:]
    else:
        assert photo.pixels.shape == (9, 7, 3)
        assert found == block
    assert decode(tmp_path / f"in.{ending}").size == photo.pixels.shape[1::-1]
    assert MAKE[3] in found
    assert ARTIST[3] in found
    assert made.getexif()[271] == "K\xfcche AG"


@pytest.mark.parametrize("number", range(1, 9))
def test_all_orientations_are_pillows(tmp_path, number):
    Image.fromarray(noise(9, 7, 3)).save(
        tmp_path / "in.png", exif=picture_files.exif([(0x0112, 3, 1, bytes([number]))])
    )
    with Image.open(tmp_path / "in.png") as given:
        expected = np.asarray(ImageOps.exif_transpose(given))
    np.testing.assert_array_equal(read_photo(tmp_path / "in.png").pixels, expected)
    np.testing.assert_array_equal(np.asarray(decode(tmp_path / "in.png")), expected)


def test_an_orientation_is_followed_whatever_else_the_exif_holds(tmp_path):
    odd = (0x9003, 3, 9_999, struct.pack("<I", 9_999_999))  # a value that lies nowhere
    raw = with_exif(picture_files.exif([(0x0112, 3, 1, b"\x06\0"), odd]), "png", tmp_path)
    made = written(tmp_path / "in.png", raw, tmp_path / "out.png")
    assert read_photo(tmp_path / "in.png").pixels.shape == (7, 9, 3)
    assert b"\x7f\x96\x98\0" in made.info["exif"]


def test_the_preview_in_exif_goes_with_the_old_picture(tmp_path):
    block = bytearray(picture_files.exif([MAKE]))
    block[6 + 22 : 6 + 26] = struct.pack("<I", 8)  # another directory
    made = written(tmp_path / "in.png", with_exif(bytes(block), "png", tmp_path), tmp_path / "out.png")
    assert not made.getexif().get_ifd(ExifTags.IFD.IFD1)
    assert made.getexif()[271] == "K\xfcche AG"


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_tiffs_own_tags_become_exif(tmp_path, caplog, order):
    texts = {270: b"a goose \xc3\xa4\0", 315: b"J\xf6rg\0", 33_432: b"\xc2\xa9 2024 someone\0", 305: b"scanner\0"}
    more = [(tag, 2, len(text), text) for tag, text in texts.items()]
    more += [(0x0112, 3, 1, struct.pack(order + "H", 6)), (282, 5, 1, struct.pack(order + "II", 300, 1))]
    more += [(33_723, 1, 9, b"some IPTC")]
    raw = picture_files.tiff(noise(9, 7, 3), 2, order=order, more=tuple(more))
    made = written(tmp_path / "in.tif", raw, tmp_path / "out.jpg")
    assert read_photo(tmp_path / "in.tif").pixels.shape == (7, 9, 3)
    assert all(text in made.info["exif"] for text in texts.values())
    assert made.getexif()[282] == 300
    assert not {256, 258, 273, 0x0112} & set(made.getexif())
    assert any("in.tif: what its tags 33723 say is left out" in record.getMessage() for record in caplog.records)


def test_a_tiffs_orientation_that_nothing_turns_by_stays(tmp_path):
    raw = picture_files.tiff(noise(9, 7, 3), 2, more=((0x0112, 2, 2, b"6\0"), ARTIST))
    made = written(tmp_path / "in.tif", raw, tmp_path / "out.png")
    assert read_photo(tmp_path / "in.tif").pixels.shape == (9, 7, 3)
    assert made.getexif()[0x0112] == "6"
    assert ARTIST[3] in made.info["exif"]


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_tiffs_exif_and_gps_come_along(tmp_path, order):
    def parts(place: int) -> tuple[bytes, bytes]:
        exif, gps = [(0x9003, 2, 20, b"2024:01:02 03:04:05\0")], [(1, 2, 2, b"N\0")]
        below = picture_files.ifd(exif, order, place)
        pointers = [(34_665, place), (34_853, place + len(below))]
        more = [(tag, 4, 1, struct.pack(order + "I", there)) for tag, there in pointers]
        whole = picture_files.tiff(noise(9, 7, 3), 2, order=order, more=tuple(more))
        return whole, below + picture_files.ifd(gps, order, place + len(below))

    raw = b"".join(parts(len(parts(0)[0])))
    made = written(tmp_path / "in.tif", raw, tmp_path / "out.webp")
    assert made.getexif().get_ifd(ExifTags.IFD.Exif)[0x9003] == "2024:01:02 03:04:05"
    assert made.getexif().get_ifd(ExifTags.IFD.GPSInfo)[1] == "N"


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="6" n="\xc3\xa4"/></x:xmpmeta>'


@pytest.mark.parametrize("target", ["jpg", "png", "webp"])
@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif"])
def test_xmp_stays_with_its_orientation_taken_out(tmp_path, ending, target):
    if ending == "png":
        raw = picture_files.png(noise(9, 7, 3), 2, ((b"iTXt", b"XML:com.adobe.xmp" + bytes(5) + XMP),))
    elif ending == "tif":
        raw = picture_files.tiff(noise(9, 7, 3), 2, more=((700, 1, len(XMP), XMP),))
    else:
        Image.fromarray(noise(9, 7, 3)).save(tmp_path / f"plain.{ending}", xmp=XMP)
        raw = (tmp_path / f"plain.{ending}").read_bytes()
    made = written(tmp_path / f"in.{ending}", raw, tmp_path / f"out.{target}")
    assert made.info["xmp"] == XMP.replace(b'Orientation="6"', b'Orientation="1"')
    assert read_photo(tmp_path / f"in.{ending}").pixels.shape == (7, 9, 3)


CHUNKS = (
    (b"gAMA", struct.pack(">I", 100_000)),
    (b"cHRM", struct.pack(">8I", 31_270, 32_900, 68_000, 32_000, 26_500, 69_000, 15_000, 6_000)),
    (b"cICP", bytes([12, 13, 0, 1])),
    (b"tEXt", b"parameters\0a goose, steps 20 \xe4"),
    (b"iTXt", b"Title\0\0\0de\0\0" + "G\u00e4nse".encode()),
)


def test_texts_and_colours_of_a_png_are_kept_or_named(tmp_path, caplog):
    raw = picture_files.png(noise(9, 7, 3), 2, CHUNKS)
    written(tmp_path / "in.png", raw, tmp_path / "out.png")
    assert not caplog.records
    for name, data in CHUNKS:
        assert struct.pack(">I", len(data)) + name + data in (tmp_path / "out.png").read_bytes()
    for ending in ("jpg", "webp"):
        caplog.clear()
        written(tmp_path / "in.png", raw, tmp_path / f"out.{ending}")
        (message,) = [record.getMessage() for record in caplog.records]
        assert message.endswith(
            f"out.{ending}: cHRM, cICP, gAMA, iTXt 'Title', tEXt 'parameters' cannot be held by the format, "
            "and is left out"
        )


def test_colours_of_avif_that_are_not_srgb_are_kept_or_named(tmp_path, caplog):
    Image.fromarray(noise(9, 7, 3)).save(tmp_path / "plain.avif")
    raw = (tmp_path / "plain.avif").read_bytes()
    place = raw.index(b"colrnclx") + 8
    raw = raw[:place] + struct.pack(">HH", 9, 16) + raw[place + 4 :]  # BT.2020 and PQ
    written(tmp_path / "in.avif", raw, tmp_path / "out.png")
    assert b"cICP" + bytes([9, 16, 0, 1]) in (tmp_path / "out.png").read_bytes()
    written(tmp_path / "in.avif", raw, tmp_path / "out.jpg")
    assert [record.getMessage().split(": ")[1][:12] for record in caplog.records] == ["cICP cannot "]


def test_avif_s_exif_comes_back_where_its_own_boxes_turn_it(tmp_path):
    plain = b"Kxxhe AG"  # Pillow writes no other text
    block = picture_files.exif([(271, 2, 8, plain), (0x0112, 3, 1, b"\x06\0")])
    raw = with_exif(block, "avif", tmp_path).replace(plain, MAKE[3])
    made = written(tmp_path / "in.avif", raw, tmp_path / "out.png")
    assert read_photo(tmp_path / "in.avif").pixels.shape == (7, 9, 3)
    assert MAKE[3] in made.info["exif"]


@pytest.mark.parametrize("ending", ["jp2", "bmp"])
def test_profiles_that_pillow_passes_over_are_kept(tmp_path, ending):
    Image.fromarray(noise(9, 7, 3)).save(tmp_path / f"plain.{ending}")
    raw = (tmp_path / f"plain.{ending}").read_bytes()
    if ending == "jp2":
        place = raw.index(b"colr")
        old, new = int.from_bytes(raw[place - 4 : place]), b"colr\x02\0\0" + SRGB
        header = raw.index(b"jp2h")
        larger = int.from_bytes(raw[header - 4 : header]) + len(new) + 4 - old
        raw = raw[: place - 4] + struct.pack(">I", len(new) + 4) + new + raw[place - 4 + old :]
        raw = raw[: header - 4] + struct.pack(">I", larger) + raw[header:]
    else:
        pixels = raw[54:]
        about = struct.pack("<I", 124) + raw[18:54] + bytes(16) + b"DEBM" + bytes(124 - 60)
        about = about[:112] + struct.pack("<II", 124 + len(pixels), len(SRGB)) + about[120:]
        raw = raw[:10] + struct.pack("<I", 14 + 124) + about + pixels + SRGB
    made = written(tmp_path / f"in.{ending}", raw, tmp_path / "out.png")
    assert made.info["icc_profile"] == SRGB
    np.testing.assert_array_equal(read_photo(tmp_path / f"in.{ending}").pixels, noise(9, 7, 3))


def test_what_a_jpeg_says_besides_is_named(tmp_path, caplog):
    Image.fromarray(noise(9, 7, 3)).save(tmp_path / "in.jpg", comment="by hand")
    read_photo(tmp_path / "in.jpg")
    assert [record.getMessage().split(": ")[1] for record in caplog.records] == ["its comment is left out"]


def test_fitting_keeps_transparency(tmp_path):
    given = np.full((40, 40, 4), (200, 100, 50, 255), np.uint8)
    given[:20, :, 3] = 0
    Image.fromarray(given).save(tmp_path / "in.png")
    photo = fitted(read_photo(tmp_path / "in.png"), (8, 8))
    assert photo.transparent is not None
    assert photo.pixels.shape == (8, 8, 3)
    assert (photo.transparent[:3, :, 3] == 0).all()
    assert (photo.transparent[7:] == (200, 100, 50, 255)).all()
    assert (photo.pixels[:3] == 255).all()


def test_exif_that_jpeg_cannot_hold_is_left_out(tmp_path, caplog):
    exif = Image.Exif()
    exif[0x010E] = "a long description" * 4000
    Image.fromarray(noise(9, 7, 3)).save(tmp_path / "in.png", exif=exif)
    photo = read_photo(tmp_path / "in.png")
    for ending, kept in (("png", True), ("webp", True), ("jpg", False)):
        write_photo(tmp_path / f"out.{ending}", noise(9, 7, 3), photo, (0, 0))
        with Image.open(tmp_path / f"out.{ending}") as made:
            assert bool(made.getexif()) == kept
    assert [record.getMessage().split(": ")[1][:8] for record in caplog.records] == ["the EXIF"]


@pytest.mark.parametrize("width", [16, 5])
def test_the_number_16_alone_is_no_depth(tmp_path, width):
    """A row of 5 pixels of a BMP takes 16 bytes."""
    Image.fromarray(noise(3, width, 3)).save(tmp_path / "in.bmp")
    np.testing.assert_array_equal(read_photo(tmp_path / "in.bmp").pixels, noise(3, width, 3))


def test_cmyk_becomes_rgb(tmp_path):
    Image.fromarray(noise(8, 8, 4), "CMYK").save(tmp_path / "in.jpg", icc_profile=b"\0" * 16 + b"CMYK" + b"\0" * 200)
    photo = read_photo(tmp_path / "in.jpg")
    assert (photo.pixels.shape, photo.profile) == ((8, 8, 3), None)


def test_grey_with_a_profile_becomes_srgb(tmp_path):
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    assert lab[16:20] == b"Lab "
    Image.fromarray(noise(8, 8)).save(tmp_path / "in.png", icc_profile=lab)
    photo = read_photo(tmp_path / "in.png")
    np.testing.assert_array_equal(
        photo.pixels, np.dstack([noise(8, 8)] * 3)
    )  # a profile that is not grey's is of no use
    assert photo.profile is None


@pytest.mark.parametrize(("name", "side"), [("out.webp", 16_384), ("out.jpg", 65_501), ("out.JPEG", 70_000)])
def test_sides_that_a_format_cannot_hold_are_refused(tmp_path, name, side):
    check_output(tmp_path / "out.png", (side, 9))
    with pytest.raises(InputError, match=rf"the canvas would be {side}x9; \.\w+ takes sides of [\d,]+ pixels at most"):
        check_output(tmp_path / name, (9, side))


def test_a_canvas_that_no_memory_holds_is_refused(tmp_path):
    with pytest.raises(InputError, match="the canvas would be 40000x30000, 1,200 million pixels; it takes up to 400"):
        check_output(tmp_path / "out.png", (30_000, 40_000))


def test_the_longest_sides_can_be_written(tmp_path):
    for name, side in (("out.webp", 16_383), ("out.jpg", 65_500)):
        write_photo(tmp_path / name, np.zeros((1, side, 3), np.uint8), Photo(noise(1, 1, 3)), (0, 0))
        assert Image.open(io.BytesIO((tmp_path / name).read_bytes())).size == (side, 1)
