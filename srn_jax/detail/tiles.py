"""Tiles: canvases are worked on in pieces of one size, so that one compiled program does all sizes and levels."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float
from PIL import Image

from srn_jax.detail.pyramid import REACH, Level
from srn_jax.geometry import Size

Corner = tuple[int, int]


def corners(level: Level, tile: Size) -> Iterator[Corner]:
    """Yields the corners of tiles that cover every pixel whose patch touches what is unknown, the others sparsely."""
    (height, width), box = level.canvas, level.box
    first_row, last_row = (box.top and box.top + REACH), box.top + box.height
    last_row = last_row - REACH if last_row < height else height
    first_column, last_column = (box.left and box.left + REACH), box.left + box.width
    last_column = last_column - REACH if last_column < width else width
    for rows, columns in (
        ((0, first_row), (0, width)),
        ((last_row, height), (0, width)),
        ((first_row, last_row), (0, first_column)),
        ((first_row, last_row), (last_column, width)),
    ):
        for top in range(*rows, tile[0]):
            for left in range(*columns, tile[1]):
                yield top, left


def cut(values: np.ndarray, corner: Corner, tile: Size, halo: int, outside: float | int | None) -> np.ndarray:
    """Returns a tile with `halo` pixels around it; beyond the canvas it is `outside`, or repeats the border if None."""
    height, width = values.shape[:2]
    (top, left), (bottom, right) = (
        (at - halo for at in corner),
        (at + n + halo for at, n in zip(corner, tile, strict=True)),
    )
    if outside is None and (top < 0 or left < 0 or bottom > height or right > width):
        rows, columns = np.arange(top, bottom).clip(0, height - 1), np.arange(left, right).clip(0, width - 1)
        return values[rows[:, None], columns[None, :]]
    inner = values[max(top, 0) : bottom, max(left, 0) : right]
    if inner.shape[:2] == (bottom - top, right - left):
        return inner
    found = np.full((bottom - top, right - left, *values.shape[2:]), outside, values.dtype)
    first = max(-top, 0), max(-left, 0)
    found[first[0] : first[0] + inner.shape[0], first[1] : first[1] + inner.shape[1]] = inner
    return found


def put(values: np.ndarray, corner: Corner, tile: np.ndarray) -> None:
    """Writes a tile, as far as it lies on the canvas."""
    top, left = corner
    inside = values[top : top + tile.shape[0], left : left + tile.shape[1]]
    inside[:] = tile[: inside.shape[0], : inside.shape[1]]


def magnified(
    values: Float[np.ndarray, "h w c"], times: int, corner: Corner, size: Size
) -> Float[np.ndarray, "h2 w2 c"]:
    """Returns the part of (height, width) `size` at `corner` of `values` doubled so many times.

    By bilinear interpolation; beyond the end its last value goes on. A value is the same whatever part it is seen in.
    """
    side = 2**times
    first = [at // side - 1 for at in corner]
    last = [-(-(at + length) // side) + 1 for at, length in zip(corner, size, strict=True)]
    around = cut(values, (first[0], first[1]), (last[0] - first[0], last[1] - first[1]), 0, None)
    top, left = (at / side - before for at, before in zip(corner, first, strict=True))
    box = left, top, left + size[1] / side, top + size[0] / side
    planes = [
        Image.fromarray(np.ascontiguousarray(plane)).resize((size[1], size[0]), Image.Resampling.BILINEAR, box)
        for plane in np.moveaxis(around, -1, 0)
    ]
    return np.stack([np.asarray(plane) for plane in planes], axis=-1)
