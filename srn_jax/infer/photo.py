"""Photographs as people have them: with orientation, colour profile, EXIF and transparency, and back into a file."""

import hashlib
import io
import re
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from absl import logging
from jaxtyping import UInt8
from PIL import Image, ImageCms, ImageFile

from srn_jax import files
from srn_jax.errors import InputError
from srn_jax.geometry import Size
from srn_jax.pictures import open_picture, to_rgb, upright


class Photo(NamedTuple):
    """A picture, and what its file says besides.

    Attributes:
      pixels: RGB, upright; on white where it is transparent.
      transparent: the same as RGBA, where anything of it is transparent.
      profile: its ICC profile of RGB.
      exif: without the orientation, which the pixels have.
      sha256: of the file that all this was read from.
    """

    pixels: UInt8[np.ndarray, "h w 3"]
    transparent: UInt8[np.ndarray, "h w 4"] | None = None
    profile: bytes | None = None
    exif: bytes = b""
    sha256: str = ""


class Format(NamedTuple):
    """A kind of file that can be written: Pillow's options, the longest side, and what it keeps."""

    options: dict[str, Any]
    longest: int
    alpha: bool
    most_exif: int = 2**31 - 1  # bytes


_DEEP = re.compile(r";16[BLNS]")  # in Pillow's names of raw modes with 16 bits a channel; ;16 alone are 16 a pixel
_MAX_PIXELS = 400_000_000  # of a canvas, which takes 12 bytes of memory a pixel while it is put together
_JPEG = Format({"format": "JPEG", "quality": 95, "subsampling": 0}, 65_500, alpha=False, most_exif=65_533)
FORMATS = {
    ".png": Format({"format": "PNG"}, 2**31 - 1, alpha=True),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".webp": Format({"format": "WEBP", "lossless": True, "exact": True}, 16_383, alpha=True),
}


def read_photo(path: Path, content: bytes | None = None) -> Photo:
    """Returns the photograph in a file.

    Grey and CMYK become RGB, by their colour profile where they have one.

    Args:
      path: the file.
      content: its bytes, where they were read before.

    Raises:
      InputError: the file is no whole picture, or has 16 bits a channel, which would be lost.
    """
    content = _content(path) if content is None else content  # once: the file may be replaced meanwhile
    try:
        with open_picture(io.BytesIO(content)) as picture:
            if _is_deep(picture):
                raise InputError(f"{path} has more than 8 bits a channel, which would be lost; save it with 8 bits")
            picture.load()
            profile = picture.info.get("icc_profile")
            picture = upright(picture)
            exif = _exif_of(picture)
        if profile and profile[16:20] != b"RGB ":
            picture, profile = _by_profile(picture, profile), None
        transparent = None
        if picture.has_transparency_data:
            rgba = np.asarray(picture.convert("RGBA"))
            transparent = rgba if (rgba[..., 3] < 255).any() else None
        return Photo(np.asarray(to_rgb(picture)), transparent, profile, exif, hashlib.sha256(content).hexdigest())
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        raise InputError(f"{path} has more pixels than can be worked on ({str(error).split(', ')[0]})") from error
    except Exception as error:  # Pillow's decoders raise whatever the broken bytes provoke
        raise InputError(f"{path} is no picture that can be read ({error})") from error


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def allow_large_pictures() -> None:
    """Lets Pillow read as many pixels as can be worked on, in silence; it would warn of 90 million, and refuse 179."""
    Image.MAX_IMAGE_PIXELS = _MAX_PIXELS // 2  # it refuses twice as many
    warnings.filterwarnings("ignore", module=r"PIL\.")  # of large ones, and of EXIF that is cut off


def _is_deep(picture: ImageFile.ImageFile) -> bool:
    """Returns whether the file has more than 8 bits a channel, whatever Pillow would make of them."""
    raw = [tile.args for tile in picture.tile]
    brightest = [arg for args in raw if picture.format == "PPM" and isinstance(args, tuple) for arg in args]
    return (
        picture.mode.startswith(("I", "F"))
        or any(_DEEP.search(str(args)) for args in raw)
        or any(isinstance(arg, int) and arg > 255 for arg in brightest)
    )


def _exif_of(picture: Image.Image) -> bytes:
    try:
        exif = picture.getexif()
        return exif.tobytes() if exif else b""
    except Exception:  # damaged: Pillow raises whatever the broken bytes provoke
        return b""


def _by_profile(picture: Image.Image, profile: bytes) -> Image.Image:
    """Returns a picture of another colour space in sRGB; as it is where its profile cannot be used."""
    try:
        there, srgb = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(picture, there, srgb, outputMode="RGB") or picture
    except (ImageCms.PyCMSError, OSError, ValueError):
        return picture


def check_output(path: Path, size: Size) -> None:
    """Raises InputError where `path` cannot hold a canvas of (height, width) `size`, or memory could not."""
    if size[0] * size[1] > _MAX_PIXELS:
        raise InputError(
            f"the canvas would be {size[1]}x{size[0]}, {size[0] * size[1] / 1e6:,.0f} million pixels; it takes up to "
            f"{_MAX_PIXELS / 1e6:,.0f} million"
        )
    longest = FORMATS[path.suffix.lower()].longest
    if max(size) > longest:
        raise InputError(
            f"the canvas would be {size[1]}x{size[0]}; {path.suffix} takes sides of {longest:,} pixels at most"
        )


def write_photo(path: Path, canvas: UInt8[np.ndarray, "h w 3"], photo: Photo, corner: tuple[int, int]) -> None:
    """Writes the canvas around `photo`, whose (top, left) is `corner`, with its profile and EXIF; whole or not at all.

    PNG and WebP keep all pixels, transparent ones too; JPEG is compressed, and transparent pixels are on white.

    Raises:
      InputError: the file cannot be written.
    """
    form = FORMATS[path.suffix.lower()]
    picture = Image.fromarray(canvas)
    if photo.transparent is not None and form.alpha:
        picture = picture.convert("RGBA")
        picture.paste(Image.fromarray(photo.transparent), (corner[1], corner[0]))
    kept: dict[str, Any] = {"exif": photo.exif, "icc_profile": photo.profile}
    kept = {name: value for name, value in kept.items() if value}
    if len(photo.exif) > form.most_exif:
        logging.warning("%s: the EXIF, %d bytes, is more than the format takes, and is left out", path, len(photo.exif))
        del kept["exif"]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.replacing(path) as beside:
            picture.save(beside, **form.options, **kept)
    except (OSError, ValueError) as error:  # the latter where a format cannot hold what it is given
        raise InputError(f"cannot write {path}: {getattr(error, 'strerror', None) or error}") from error
