"""From a picture's file to its colours: every program reads through this."""

import io
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from absl import logging
from PIL import Image, ImageFile

from srn_jax.geometry import Size
from srn_jax.pictures import depth
from srn_jax.pictures.colors import Colors, to_colors
from srn_jax.pictures.formats import open_picture
from srn_jax.pictures.metadata import Metadata, metadata_of, profile_of, turned


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
