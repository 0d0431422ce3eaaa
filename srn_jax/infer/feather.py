"""Tones across the border of a picture: painted pixels beside it are shifted to its own, fading outward."""

import numpy as np
import scipy  # whose ndimage is imported where it is first used
from jaxtyping import Float

from srn_jax.infer.windows import Box


def match_tones(
    canvas: Float[np.ndarray, "h w"], picture: Float[np.ndarray, "kh kw"], place: Box, feather: int
) -> Float[np.ndarray, "h w"]:
    """Returns one channel of the canvas, shifted to the picture's tone beside it, and less and less up to `feather`.

    The shift at a pixel of the border is what the picture has there more than the canvas beside it, averaged along the
    border over about half of `feather`, so that single pixels draw no streaks. It fades as a cosine.

    Args:
      canvas: what was painted; its values at `place` are not looked at, and stay.
      picture: the known picture, at `place` of the canvas.
      place: where the picture lies.
      feather: pixels, 1 or more.
    """
    top, left, bottom, right = place.top, place.left, place.top + place.height, place.left + place.width
    first_row, last_row = max(top - feather, 0), min(bottom + feather, canvas.shape[0])
    first_column, last_column = max(left - feather, 0), min(right + feather, canvas.shape[1])
    shifts, result = _shifts(canvas, picture, place, feather / 4), canvas.copy()
    for above_or_below in ((first_row, top), (bottom, last_row)):
        _shift(result, above_or_below, (first_column, last_column), shifts, place, feather)
    for beside in ((first_column, left), (right, last_column)):
        _shift(result, (top, bottom), beside, shifts, place, feather)
    return result


def _shift(
    canvas: Float[np.ndarray, "h w"],
    rows: tuple[int, int],
    columns: tuple[int, int],
    shifts: Float[np.ndarray, " n"],
    place: Box,
    feather: int,
) -> None:
    """Shifts what lies in a strip, from the first of `rows` and `columns` to before the last, in place."""
    row, column = np.arange(*rows)[:, None], np.arange(*columns)[None, :]
    near_row = (row - place.top).clip(0, place.height - 1)
    near_column = (column - place.left).clip(0, place.width - 1)
    distance = np.hypot(row - place.top - near_row, column - place.left - near_column)
    fade = np.where(distance <= feather, 0.5 + 0.5 * np.cos(np.pi * distance / (feather + 1)), 0.0)
    shift = shifts[_number(near_row, near_column, place)] * fade
    canvas[rows[0] : rows[1], columns[0] : columns[1]] += shift.astype(canvas.dtype)


def _shifts(
    canvas: Float[np.ndarray, "h w"], picture: Float[np.ndarray, "kh kw"], place: Box, sigma: float
) -> Float[np.ndarray, " n"]:
    """Returns the shift of each pixel of the picture's border, numbered clockwise from its top left corner."""
    bottom, right = place.height - 1, place.width - 1
    rows = np.r_[np.zeros(right, int), np.arange(bottom), np.full(right, bottom), np.arange(bottom, 0, -1)]
    columns = np.r_[np.arange(right), np.full(bottom, right), np.arange(right, 0, -1), np.zeros(bottom, int)]
    if not len(rows):  # a picture of one pixel
        rows, columns = np.zeros(1, int), np.zeros(1, int)

    def outward(at: np.ndarray, last: int, start: int, limit: int) -> np.ndarray:
        """Returns the coordinate beside the border; where the canvas ends with the picture, the border's own."""
        beside = at + start - (at == 0) + ((at == last) & (last > 0))
        return np.where((beside >= 0) & (beside < limit), beside, at + start)

    beside_rows = outward(rows, bottom, place.top, canvas.shape[0])
    beside_columns = outward(columns, right, place.left, canvas.shape[1])
    painted = (beside_rows != rows + place.top) | (beside_columns != columns + place.left)
    difference = np.where(painted, picture[rows, columns] - canvas[beside_rows, beside_columns], 0.0)
    counted = scipy.ndimage.gaussian_filter1d(painted.astype(np.float64), sigma, mode="wrap")
    return scipy.ndimage.gaussian_filter1d(difference, sigma, mode="wrap") / np.maximum(counted, 1e-12)


def _number(row: np.ndarray, column: np.ndarray, place: Box) -> np.ndarray:
    """Returns the number that `_shifts` gives a pixel of the border; any, for those within the picture."""
    bottom, right = place.height - 1, place.width - 1
    on_right, on_bottom = column == right, row == bottom
    below = 2 * right + bottom - column
    number = np.where(row == 0, column, np.where(on_right, right + row, np.where(on_bottom, below, -row)))
    return number % max(2 * (right + bottom), 1)
