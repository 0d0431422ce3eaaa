"""The start: blocks of the photograph, laid outward from it where they go on with what is there and fit the layout."""

import math

import jax
import numpy as np
from jaxtyping import Float, Key

from srn_jax.detail.layout import OfCanvas
from srn_jax.detail.pyramid import Box, within
from srn_jax.detail.tiles import Corner, cut, put
from srn_jax.geometry import Size

_CELL = 12  # pixels of the coarsest level that a block fills; of a smaller photograph, a third of its shorter side
_POINTS = 4  # a side, at which a block's layout is compared


def laid_out(
    photo: Float[np.ndarray, "h w 3"],
    of_photo: Float[np.ndarray, "h w l"],
    of_canvas: OfCanvas,
    canvas: Size,
    box: Box,
    key: Key[jax.Array, ""],
    chance: float,
) -> Float[np.ndarray, "ch cw 3"]:
    """Returns a canvas of blocks around the photograph, the nearest ones first.

    Patches that are matched to a blurred guide come from where the photograph is blurred, and stay there; those that
    begin in whole pieces keep what belongs together (quilting: Efros and Freeman, 2001). A block costs the mean square
    of its difference to what it overlaps, that of its layout, and what chance adds.

    Args:
      of_photo: the photograph's layout, `of_canvas` that of the canvas.
      box: the photograph's place on the canvas.
      chance: the key adds up to this; each use of a block adds as much to those around it.
    """
    cell = min(_CELL, min(photo.shape[:2]) // 3)
    overlap = cell // 3
    side = cell + 2 * overlap
    rows, columns = photo.shape[0] - side + 1, photo.shape[1] - side + 1
    offered = np.lib.stride_tricks.sliding_window_view(photo, (side, side), axis=(0, 1))
    offered = offered.transpose(0, 1, 3, 4, 2).reshape(rows * columns, -1)
    squares = np.square(offered)
    points = np.linspace(0, side - 1, _POINTS).round().astype(int)
    layouts = np.stack([of_photo[row : row + rows, column : column + columns] for row in points for column in points])
    layouts = layouts.transpose(1, 2, 0, 3).reshape(rows * columns, -1)
    found, there = np.zeros((*canvas, 3), np.float32), np.zeros((*canvas, 3), np.float32)
    within(found, box)[:], within(there, box)[:] = photo, 1.0
    used, size = np.zeros((rows, columns), np.float32), (side, side)
    chances = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    for corner in _outward(canvas, box, cell):
        outer = corner[0] - overlap, corner[1] - overlap
        wanted = of_canvas(outer, size)[points[:, None], points[None, :]].reshape(-1)
        before, seen = (cut(one, outer, size, 0, 0.0).reshape(-1) for one in (found, there))
        differing = squares @ seen - 2 * (offered @ (before * seen)) + np.square(before * seen).sum()
        luck = chances.random((rows, columns), np.float32) + used
        cost = np.square(layouts - wanted).sum(axis=1) / _POINTS**2 + differing / max(seen.sum(), 1.0)
        row, column = divmod(int((cost + chance * luck.reshape(-1)).argmin()), columns)
        used[max(0, row - cell // 2) : row + cell // 2 + 1, max(0, column - cell // 2) : column + cell // 2 + 1] += 1
        inner = slice(row + overlap, row + overlap + cell), slice(column + overlap, column + overlap + cell)
        here = cut(there, corner, (cell, cell), 0, 0.0) > 0
        put(found, corner, np.where(here, cut(found, corner, (cell, cell), 0, 0.0), photo[inner]))
        put(there, corner, np.ones(here.shape, np.float32))
    return found


def _outward(canvas: Size, box: Box, cell: int) -> list[Corner]:
    """Returns the corners of the cells that hold something unknown, those next to the photograph first."""

    def away(corner: Corner) -> float:
        return math.hypot(
            *(
                max(start - at - cell, at - start - length, 0)
                for at, start, length in zip(corner, box[:2], box[2:], strict=True)
            )
        )

    unknown = np.ones(canvas, bool)
    within(unknown, box)[:] = False
    corners = [(row, column) for row in range(0, canvas[0], cell) for column in range(0, canvas[1], cell)]
    return sorted((one for one in corners if cut(unknown, one, (cell, cell), 0, False).any()), key=away)
