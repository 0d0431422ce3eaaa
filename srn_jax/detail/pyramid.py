"""The pyramid: the photograph and its place on the canvas at each resolution, halved from level to level."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from srn_jax.geometry import Size

PATCH = 7  # pixels, the side of a patch
REACH = PATCH // 2
LEAST_SIDE = 3 * PATCH  # of a photograph that has texture to give
_COARSEST = 40  # pixels, the least shorter side of the photograph at the coarsest level; below twice as many
PAINTED_BUDGET = 2**25  # pixels painted at full resolution; beyond, the finest levels are left out


class Box(NamedTuple):
    """Where the photograph lies on a level's canvas."""

    top: int
    left: int
    height: int
    width: int


class Level(NamedTuple):
    """One level: `halvings` below full resolution, its canvas, and the photograph's place on it.

    Canvases are padded at full resolution, so that the photograph's corner lies on a whole pixel of every level; where
    its size is no multiple, its last row or column counts as unknown on the coarser ones.
    """

    halvings: int
    canvas: Size
    box: Box


class Levels(NamedTuple):
    """All levels of a canvas, the coarsest first, and where the wanted canvas lies on the padded one."""

    levels: tuple[Level, ...]
    corner: tuple[int, int]
    full: bool  # whether the last level is at full resolution


def plan_levels(size: Size, margins: tuple[int, int, int, int]) -> Levels:
    """Returns the levels for a photograph of (height, width) `size`, of `LEAST_SIDE` pixels at least on both sides.

    Args:
      margins: pixels beyond its (top, bottom, left, right).
    """
    top, bottom, left, right = margins
    depth = max(0, int(math.log2(min(size) / _COARSEST))) if min(size) >= _COARSEST else 0
    unit = 2**depth
    before = -(-top // unit) * unit, -(-left // unit) * unit
    canvas = (
        -(-(before[0] + size[0] + bottom) // unit) * unit,
        -(-(before[1] + size[1] + right) // unit) * unit,
    )
    painted = canvas[0] * canvas[1] - size[0] * size[1]
    found = []
    for halvings in range(depth, -1, -1):
        pixels = 2**halvings
        if painted / pixels**2 > PAINTED_BUDGET and halvings < depth:
            break
        found.append(
            Level(
                halvings,
                (canvas[0] // pixels, canvas[1] // pixels),
                Box(before[0] // pixels, before[1] // pixels, size[0] // pixels, size[1] // pixels),
            )
        )
    return Levels(tuple(found), (before[0] - top, before[1] - left), found[-1].halvings == 0)


def halved(photo: UInt8[np.ndarray, "h w 3"] | Float[np.ndarray, "h w 3"], times: int) -> Float[np.ndarray, "h2 w2 3"]:
    """Returns the means of blocks of 2**times pixels a side, in [0, 1]; what is left over at the end is dropped."""
    side = 2**times
    height, width = photo.shape[0] // side, photo.shape[1] // side
    total = np.zeros((height, width, 3), np.float32)
    for row in range(side):
        for column in range(side):
            total += photo[row : height * side : side, column : width * side : side]
    return total * np.float32(1 / (side**2 * (255 if photo.dtype == np.uint8 else 1)))


def within(canvas: np.ndarray, box: Box) -> np.ndarray:
    """Returns the part of a canvas that `box` names, a view."""
    return canvas[box.top : box.top + box.height, box.left : box.left + box.width]
