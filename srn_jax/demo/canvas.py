"""From what is set on the page to a canvas: presets, margins in percent, and the photograph on it."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from srn_jax.errors import InputError
from srn_jax.geometry import Size
from srn_jax.infer.windows import Sides

MAX_PERCENT = 200
_MAX_PIXELS = 40_000_000  # of a canvas: half a gigabyte, some seconds to enlarge and to write; minutes with detail
_MAX_PASSES = 250  # of the model, a minute or two for which all other visitors wait; presets take up to 81
_SHOWN = 1_200  # longest side of pictures on the page


class Percent(NamedTuple):
    """Margins in percent of the picture's height (top, bottom) and width (left, right)."""

    top: int
    bottom: int
    left: int
    right: int


def _around(percent: int) -> Callable[[Size], Percent]:
    return lambda size: Percent(percent, percent, percent, percent)


def _aspect(width: int, height: int) -> Callable[[Size], Percent]:
    """Returns what makes the smallest canvas of this aspect, the picture in its middle."""

    def percent(size: Size) -> Percent:
        wider = size[0] * width / (height * size[1]) - 1.0
        higher = size[1] * height / (width * size[0]) - 1.0
        rows, columns = (min(max(round(50 * more), 0), MAX_PERCENT) for more in (higher, wider))
        return Percent(rows, rows, columns, columns)

    return percent


PRESETS: dict[str, Callable[[Size], Percent]] = {
    "a little around": _around(25),
    "twice as large": _around(50),
    "16:9": _aspect(16, 9),
    "square": _aspect(1, 1),
    "9:16": _aspect(9, 16),
    "panorama": lambda size: Percent(0, 0, 100, 100),
}


def sides_of(size: Size, percent: Percent) -> Sides:
    """Returns the margins in pixels of a picture of (height, width) `size`.

    Raises:
      InputError: nothing would be painted, or too much for a page.
    """
    height, width = size
    rows, columns = (
        (math.ceil(height * p / 100) for p in percent[:2]),
        (math.ceil(width * p / 100) for p in percent[2:]),
    )
    sides = Sides(*rows, *columns)
    if not any(sides):
        raise InputError("All four margins are 0: move one of them, or choose a preset.")
    pixels = (height + sides.top + sides.bottom) * (width + sides.left + sides.right)
    if pixels > _MAX_PIXELS:
        raise InputError(
            f"The canvas would have {pixels / 1e6:.0f} million pixels; this page makes up to {_MAX_PIXELS / 1e6:.0f} "
            "million. Choose smaller margins or a smaller photograph; python -m srn_jax.infer has no such limit."
        )
    return sides


def check_passes(passes: int) -> None:
    """Raises InputError where an expansion takes more passes of the model than a page makes."""
    if passes > _MAX_PASSES:
        raise InputError(
            f"This canvas would take {passes:,} passes of the model; this page makes up to {_MAX_PASSES}. Choose "
            "smaller margins or a photograph that is less thin; python -m srn_jax.infer has --most-passes."
        )


def on_canvas(pixels: UInt8[np.ndarray, "h w 3"], sides: Sides) -> Image.Image:
    """Returns the picture on its canvas in grey, no larger than the page shows it."""
    height, width = pixels.shape[:2]
    whole = (sides.left + width + sides.right, sides.top + height + sides.bottom)
    scale = min(1.0, _SHOWN / max(whole))
    canvas = Image.new("RGB", (max(1, round(whole[0] * scale)), max(1, round(whole[1] * scale))), (160, 160, 160))
    small = Image.fromarray(pixels).resize((max(1, round(width * scale)), max(1, round(height * scale))))
    canvas.paste(small, (round(sides.left * scale), round(sides.top * scale)))
    return canvas


def shown(pixels: UInt8[np.ndarray, "h w 3"]) -> Image.Image:
    """Returns a picture no larger than the page shows it."""
    picture = Image.fromarray(pixels)
    picture.thumbnail((_SHOWN, _SHOWN))
    return picture
