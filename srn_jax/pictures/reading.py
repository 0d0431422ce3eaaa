"""Picture files and arrays: finding, decoding, cropping and writing them."""

import io
import os
import stat
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from absl import logging
from jaxtyping import UInt8
from PIL import Image, ImageFile

from srn_jax.errors import InputError
from srn_jax.geometry import Size
from srn_jax.pictures import depth
from srn_jax.pictures.colors import Colors, to_colors
from srn_jax.pictures.formats import open_picture
from srn_jax.pictures.metadata import Metadata, metadata_of, profile_of, turned
from srn_jax.programs import files

# Of the formats that are read, the endings that name photographs.
_ENDINGS = (".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jp2", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm")
_ENDINGS += (".ppm", ".tif", ".tiff", ".webp")


class Reading(NamedTuple):
    """What a picture's file holds.

    Attributes:
      colors: its pixels in RGB or RGBA, upright, 8 bits a channel, and their profile.
      metadata: what it says besides.
      warnings: what is not as in the file, in words.
    """

    colors: Colors
    metadata: Metadata
    warnings: tuple[str, ...]


def read_picture(raw: bytes, at_least: Size | None = None) -> Reading:
    """Returns what a picture's file holds.

    Args:
      raw: the file.
      at_least: (height, width) that will be cut from it; a JPEG more than twice as large, on both sides, is decoded at
        1/2, 1/4 or 1/8 of its size, which takes a fraction of the time.

    Raises:
      Exception: whatever Pillow raises of a file that is no whole picture; a ValueError for numbers of more than 16
        bits, or with a sign.
    """
    with open_picture(raw) as opened:
        colors, warnings = _colors_of(opened, raw, at_least)
        return Reading(colors, metadata_of(opened, raw), warnings)


def _colors_of(opened: ImageFile.ImageFile, raw: bytes, at_least: Size | None) -> tuple[Colors, tuple[str, ...]]:
    """Returns the upright colours of a file, and what to warn of; every program reads through this."""
    if at_least is not None:
        side = max(at_least)  # whichever way it has to be turned
        opened.draft("RGB", (side, side))
    decoded, rounded = depth.load(opened, raw)
    colors = to_colors(turned(decoded, opened), profile_of(opened, raw))
    return colors, (*rounded, *colors.warnings)


def decode(encoded: Path | io.BytesIO, at_least: Size | None = None, name: str = "") -> Image.Image:
    """Returns the picture in RGB, upright as its EXIF orientation says, on white where it is transparent.

    What is rounded to 8 bits or left out is told once, in a warning.

    Args:
      encoded: a file.
      at_least: as `read_picture` takes it.
      name: what a warning calls the picture; by default its path.

    Raises:
      Exception: as `read_picture`.
    """
    here = isinstance(encoded, Path)
    raw = encoded.read_bytes() if here else encoded.getvalue()
    with open_picture(raw) as opened:  # what it says besides its colours would take a part of the time
        colors, warnings = _colors_of(opened, raw, at_least)
    for words in warnings:
        _warn_once(name or (str(encoded) if here else "a picture"), words)
    return on_white(colors.picture)


@lru_cache(maxsize=100_000)  # a picture is read in every epoch
def _warn_once(name: str, words: str) -> None:
    logging.warning("%s: %s", name, words)


def on_white(picture: Image.Image) -> Image.Image:
    """Returns a picture in RGB or RGBA as RGB, on white where it is transparent."""
    if picture.mode == "RGBA":
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return picture if picture.mode == "RGB" else picture.convert("RGB")


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

    Links to folders are followed, each folder once; what cannot be looked into is named in a warning.

    Raises:
      InputError: no such folder, or no picture in it; names `setting`, through which the user gave the path, and the
        first of what cannot be looked into.
    """
    root = files.expand(path, setting) if path else None
    if root is None or not os.path.isdir(root):
        raise InputError(f"{setting} is {path!r}, which is no folder; it takes one that holds pictures")
    left_out = _LeftOut()
    found = sorted(file for file in _below([root], left_out) if _is_picture(file, left_out))
    if not found:
        seen = "".join(f"; {words}" for words in left_out[:1])
        raise InputError(f"{setting} is {path!r}, which holds no picture (.jpg, .png, .webp, ...){seen}")
    for words in left_out:
        logging.warning(words)
    return found


class _LeftOut(list[str]):
    """What of a folder cannot be looked into, and why."""

    def add(self, path: str | Path, why: str | None) -> None:
        self.append(f"{path} is left out: {why}")

    def refused(self, error: OSError) -> None:
        self.add(error.filename, error.strerror)

    def look_at(self, path: str | Path) -> os.stat_result | None:
        try:
            return os.stat(path)
        except OSError as error:
            self.refused(error)
            return None

    def identity(self, folder: str | Path) -> tuple[int, int] | None:
        """Returns what a folder has in common with itself by another path; None where it cannot be looked at."""
        found = self.look_at(folder)
        return found and (found.st_dev, found.st_ino)


def check_outside(output: Path, inputs: Path, setting: str, of: str) -> None:
    """Raises InputError where `output` lies in the folder `inputs`, or where a link in it leads; names the settings."""
    if not inputs.is_dir():
        return
    starts = [inputs]
    for _ in _below(starts, _LeftOut()):
        pass
    place = Path(os.path.realpath(output))
    if any(place.is_relative_to(os.path.realpath(start)) for start in starts):
        raise InputError(f"{setting} {output} lies inside {of}, which would take its pictures in the next time")


def _below(waiting: list[Path], left_out: _LeftOut) -> Iterator[Path]:
    """Yields what is no folder below `waiting`, one folder: first what lies in it, then what its links lead to.

    Those links are added to `waiting`.
    """
    hidden, seen, root = (".", "__MACOSX"), set(), waiting[0]
    above = {left_out.identity(folder) for folder in Path(os.path.realpath(root)).parents}
    for start in waiting:
        if start is not root and left_out.identity(start) in above:
            left_out.add(start, "it leads to a folder above the data")
            continue
        for folder, folders, names in os.walk(start, onerror=left_out.refused):
            place = left_out.identity(folder)
            if place is None or place in seen:
                folders.clear()
                continue
            seen.add(place)
            folders[:] = sorted(name for name in folders if not name.startswith(hidden))
            waiting += [Path(folder, name) for name in folders if os.path.islink(os.path.join(folder, name))]
            yield from (Path(folder, name) for name in names if not name.startswith(hidden))


def _is_picture(path: Path, left_out: _LeftOut) -> bool:
    """Returns whether a path ends as pictures do, and is a file; names what, for all that is known, might be one."""
    named = path.suffix.lower() in _ENDINGS
    if not named and not path.is_symlink():
        return False
    found = left_out.look_at(path)
    return named and found is not None and stat.S_ISREG(found.st_mode)


def write_png(path: Path, pixels: UInt8[np.ndarray, "h w 3"]) -> None:
    """Writes a PNG whole or not at all."""
    with files.replacing(path) as beside:
        Image.fromarray(pixels).save(beside, format="PNG")
