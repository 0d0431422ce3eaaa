"""Photographs as people have them: with orientation, colour profile, EXIF and transparency, and back into a file."""

import hashlib
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from absl import logging
from jaxtyping import UInt8
from PIL import Image, PngImagePlugin

from srn_jax.errors import InputError
from srn_jax.geometry import Size
from srn_jax.pictures.arrays import crop_and_resize
from srn_jax.pictures.metadata import COLOR_CHUNKS
from srn_jax.pictures.reading import on_white, read_picture
from srn_jax.pictures.written import FORMATS, Format
from srn_jax.programs import files


class Photo(NamedTuple):
    """A picture, and what its file says besides.

    Attributes:
      pixels: RGB, upright; on white where it is transparent.
      transparent: the same as RGBA, where anything of it is transparent.
      profile: its ICC profile of RGB.
      exif: without the orientation, which the pixels have.
      xmp: likewise.
      chunks: texts of a PNG, and what it says of colours: (name, bytes) each.
      sha256: of the file that all this was read from.
    """

    pixels: UInt8[np.ndarray, "h w 3"]
    transparent: UInt8[np.ndarray, "h w 4"] | None = None
    profile: bytes | None = None
    exif: bytes = b""
    xmp: bytes = b""
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    sha256: str = ""


_XMP_IN_PNG = b"XML:com.adobe.xmp" + bytes(5)  # a keyword, not compressed, of no language
_MAX_PIXELS = 400_000_000  # of a canvas, which takes 12 bytes of memory a pixel while it is put together


def read_photo(path: Path, content: bytes | None = None) -> Photo:
    """Returns the photograph in a file, with 8 bits a channel.

    Grey and CMYK become RGB, by their colour profile where they have one. What is not as in the file is warned of.

    Args:
      path: the file.
      content: its bytes, where they were read before.

    Raises:
      InputError: the file is no whole picture, its numbers have more than 16 bits or a sign, or memory is too small.
    """
    content = _content(path) if content is None else content  # once: the file may be replaced meanwhile
    try:
        colors, said, warned = read_picture(content)
    except MemoryError as error:
        raise InputError(f"there is not enough memory to read {path}") from error
    except Image.DecompressionBombError as error:
        raise InputError(f"{path} has more pixels than can be worked on ({str(error).split(', ')[0]})") from error
    except Exception as error:  # Pillow's decoders raise whatever the broken bytes provoke
        raise InputError(f"{path} is no picture that can be read ({error})") from error
    for words in (*warned, *(f"{lost} is left out" for lost in said.lost)):
        logging.warning("%s: %s", path, words)
    rgba = np.asarray(colors.picture) if colors.picture.mode == "RGBA" else None
    transparent = rgba if rgba is not None and (rgba[..., 3] < 255).any() else None
    chunks = [chunk for chunk in said.chunks if not (colors.applied and chunk[0] in COLOR_CHUNKS)]
    pixels = np.asarray(on_white(colors.picture))
    digest = hashlib.sha256(content).hexdigest()
    return Photo(pixels, transparent, colors.profile, said.exif, said.xmp, tuple(chunks), digest)


def fitted(photo: Photo, size: Size) -> Photo:
    """Returns the middle of a photograph at (height, width) `size`, cropped and scaled, its transparency too."""

    def fit(pixels: UInt8[np.ndarray, "h w c"]) -> UInt8[np.ndarray, "fit_h fit_w c"]:
        return np.asarray(crop_and_resize(Image.fromarray(pixels), size, 1.0, (0.5, 0.5)))

    transparent = None if photo.transparent is None else fit(photo.transparent)
    return photo._replace(pixels=fit(photo.pixels), transparent=transparent)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def allow_large_pictures() -> None:
    """Lets Pillow read as many pixels as can be worked on, in silence; it would warn of 90 million, and refuse 179."""
    Image.MAX_IMAGE_PIXELS = _MAX_PIXELS // 2  # it refuses twice as many
    warnings.filterwarnings("ignore", module=r"PIL\.")  # of large ones, and of EXIF that is cut off


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


def write_photo(
    path: Path, canvas: UInt8[np.ndarray, "h w 3"], photo: Photo, corner: tuple[int, int], *, replace: bool = True
) -> None:
    """Writes the canvas around `photo`, whose (top, left) is `corner`, with its profile and EXIF; whole or not at all.

    PNG and WebP keep all pixels, transparent ones too; JPEG is compressed, and transparent pixels are on white.

    Args:
      replace: whether a file that is there is replaced.

    Raises:
      InputError: the file cannot be written, or is there.
    """
    form = FORMATS[path.suffix.lower()]
    picture = Image.fromarray(canvas)
    if photo.transparent is not None and form.alpha:
        picture = picture.convert("RGBA")
        picture.paste(Image.fromarray(photo.transparent), (corner[1], corner[0]))
    kept = _kept(path, photo, form)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.replacing(path) as beside:
            picture.save(beside, **form.options, **kept)
            if not replace and path.exists():
                raise InputError(f"{path} has come while its picture was painted; --force replaces it")
    except InputError:
        raise
    except (OSError, ValueError) as error:  # the latter where a format cannot hold what it is given
        raise InputError(f"cannot write {path}: {getattr(error, 'strerror', None) or error}") from error


def _kept(path: Path, photo: Photo, form: Format) -> dict[str, Any]:
    """Returns Pillow's options for what `photo` says besides its pixels; warns of what the format cannot hold."""
    exif, xmp = photo.exif, photo.xmp
    if len(exif) > form.most_exif:
        logging.warning("%s: the EXIF, %d bytes, is more than the format takes, and is left out", path, len(exif))
        exif = b""
    if len(xmp) > form.most_xmp:
        logging.warning("%s: the XMP, %d bytes, is more than the format takes, and is left out", path, len(xmp))
        xmp = b""
    kept: dict[str, Any] = {"exif": exif, "icc_profile": photo.profile, "xmp": xmp}
    if form.chunks:
        kept["pnginfo"] = info = PngImagePlugin.PngInfo()
        for name, data in (*photo.chunks, *([(b"iTXt", _XMP_IN_PNG + xmp)] if xmp else [])):
            info.add(name, data)
    elif lost := sorted({_told(chunk) for chunk in photo.chunks if chunk[0] != b"sRGB"}):
        logging.warning("%s: %s cannot be held by the format, and is left out", path, ", ".join(lost))
    return {name: value for name, value in kept.items() if value}


def _told(chunk: tuple[bytes, bytes]) -> str:
    """Returns a chunk's name, and the keyword of a text."""
    name, data = chunk
    keyword = "" if name in COLOR_CHUNKS else f" {data.partition(bytes(1))[0].decode('latin-1')!r}"
    return name.decode() + keyword
