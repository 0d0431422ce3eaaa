"""Photographs as people have them, in and out."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from srn_jax.errors import InputError
from srn_jax.infer.photo import Photo, check_output, read_photo, write_photo
from srn_jax.pictures import decode, list_pictures

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


def deep(path: Path) -> None:
    """Writes 16 bits a channel in RGB, which Pillow reads but does not write."""
    import struct
    import zlib

    rows = b"".join(b"\0" + np.arange(24, dtype=">u2").tobytes() for _ in range(8))
    header = struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)


@pytest.mark.parametrize("kind", ["RGB", "I;16", "I", "F"])
def test_more_than_8_bits_are_refused(tmp_path, kind):
    path = tmp_path / ("in.tif" if kind in ("I", "F") else "in.png")
    if kind == "RGB":
        deep(path)
    else:
        dtype = {"I;16": np.uint16, "I": np.int32, "F": np.float32}[kind]
        Image.fromarray(np.arange(64).reshape(8, 8).astype(dtype)).save(path)
    with pytest.raises(InputError, match=f"{path.name} has more than 8 bits a channel, which would be lost"):
        read_photo(path)


@pytest.mark.parametrize("kind", ["P5", "P6"])
def test_a_pnm_of_16_bits_is_refused_and_one_of_8_is_not(tmp_path, kind):
    channels = 3 if kind == "P6" else 1
    for maximum, size in ((255, 1), (1023, 2), (65535, 2)):
        path = tmp_path / f"{maximum}.pnm"
        path.write_bytes(f"{kind} 4 2 {maximum}\n".encode() + bytes(4 * 2 * channels * size))
        if size == 1:
            assert read_photo(path).pixels.shape == (2, 4, 3)
        else:
            with pytest.raises(InputError, match="has more than 8 bits a channel"):
                read_photo(path)


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
