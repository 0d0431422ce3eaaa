"""Picture files and arrays: finding, decoding, cropping and writing them."""

import contextlib
import io
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from srn_jax import files
from srn_jax.errors import InputError
from srn_jax.geometry import Size

with contextlib.suppress(ImportError):  # the extra `heic`
    from pi_heif import register_heif_opener

    register_heif_opener()

# Of what Pillow registers, the endings that name photographs: .h5 and .pdf are no pictures to a user.
_ENDINGS = (".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jp2", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm")
_ENDINGS += (".ppm", ".tif", ".tiff", ".webp")
_HEIC = (b"ftypheic", b"ftypheix", b"ftyphevc", b"ftypmif1")  # bytes 4 to 12 of such files


def open_picture(encoded: Path | io.BytesIO) -> ImageFile.ImageFile:
    """Returns Pillow's picture of a file, not decoded yet; raises what Pillow raises, and says what would read HEIC."""
    try:
        return Image.open(encoded)
    except UnidentifiedImageError as error:
        with encoded.open("rb") if isinstance(encoded, Path) else io.BytesIO(encoded.getvalue()) as file:
            start = file.read(12)
        if start[4:] in _HEIC and "HEIF" not in Image.OPEN:
            raise UnidentifiedImageError("it is HEIC, which `pip install pi-heif` lets be read") from error
        raise


def decode(encoded: Path | io.BytesIO, at_least: Size | None = None) -> Image.Image:
    """Returns the picture in RGB, upright as its EXIF orientation says, on white where it is transparent.

    16-bit grey is scaled to 8 bits. Raises what Pillow raises for a file that is no whole picture.

    Args:
      encoded: a file.
      at_least: (height, width) that will be cut from it; a JPEG more than twice as large, on both sides, is decoded at
        1/2, 1/4 or 1/8 of its size, which takes a fraction of the time.
    """
    with open_picture(encoded) as picture:
        if at_least is not None:
            side = max(at_least)  # whichever way it has to be turned
            picture.draft("RGB", (side, side))
        picture.load()
        return to_rgb(upright(picture))


def upright(picture: Image.Image) -> Image.Image:
    """Returns the picture turned as its EXIF orientation says; as it is where its EXIF is damaged."""
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # Pillow raises whatever the broken bytes provoke
        return picture


def to_rgb(picture: Image.Image) -> Image.Image:
    """Returns a picture of any mode in RGB, on white where it is transparent; raises ValueError for 32 bits a pixel."""
    if picture.mode.startswith("I;16") or (picture.mode == "I" and picture.format in ("PPM", None)):
        picture = Image.fromarray(np.round(np.asarray(picture) / 257).astype(np.uint8))
    if picture.mode in ("I", "F"):
        raise ValueError("32 bits a pixel; 8 or 16 can be read")
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    return picture.convert("RGB")


def crop_and_resize(picture: Image.Image, size: Size, scale: float, place: tuple[float, float]) -> Image.Image:
    """Returns a window of the picture at `size`, its aspect kept.

    Args:
      picture: any size.
      size: (height, width) of the result.
      scale: in (0, 1], the window against the largest that fits.
      place: in [0, 1] each, where the window lies between top and bottom, left and right.
    """
    unit = scale * min(picture.height / size[0], picture.width / size[1])
    height, width = min(unit * size[0], picture.height), min(unit * size[1], picture.width)  # rounding may exceed it
    top, left = place[0] * (picture.height - height), place[1] * (picture.width - width)
    box = (left, top, min(left + width, picture.width), min(top + height, picture.height))
    return picture.resize((size[1], size[0]), Image.Resampling.BICUBIC, box=box, reducing_gap=2.0)


def list_pictures(path: str, setting: str) -> list[Path]:
    """Returns the files below the folder `path` whose ending is that of a picture, sorted; hidden ones are left out.

    Raises:
      InputError: no such folder, or no picture in it; names `setting`, through which the user gave the path.
    """
    root = Path(path).expanduser()
    if not path or not root.is_dir():
        raise InputError(f"{setting} is {path!r}, which is no folder; it takes one that holds pictures")
    hidden = (".", "__MACOSX")
    found = sorted(
        file
        for file in root.rglob("*")
        if file.suffix.lower() in _ENDINGS
        and file.is_file()
        and not any(p.startswith(hidden) for p in file.relative_to(root).parts)
    )
    if not found:
        raise InputError(f"{setting} is {path!r}, which holds no picture (.jpg, .png, .webp, ...)")
    return found


def write_png(path: Path, pixels: UInt8[np.ndarray, "h w 3"]) -> None:
    """Writes a PNG whole or not at all."""
    with files.replacing(path) as beside:
        Image.fromarray(pixels).save(beside, format="PNG")
