"""Whether contestants computed the same: differences of what came of their first calls, held to limits."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

Arrays = Mapping[str, np.ndarray]


class WrongResultError(Exception):
    """Contestants do not agree: one line."""


def hold(what: str, difference: float, limit: float) -> float:
    """Returns the difference; raises WrongResultError where it is above `limit`, or no number."""
    if not difference <= limit:
        raise WrongResultError(f"{what} differ by {difference:.2g}; at most {limit:g} is rounding")
    return difference


def largest(ours: ArrayLike, theirs: ArrayLike) -> float:
    """Returns the largest absolute difference."""
    a, b = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    return float(np.max(np.abs(a - b))) if a.shape == b.shape else np.inf


def relative(ours: float, theirs: float, floor: float) -> float:
    """Returns the difference of two numbers over the larger of them, or over `floor` where both are smaller."""
    return abs(ours - theirs) / max(abs(ours), abs(theirs), floor)


def relative_norm(ours: Arrays, theirs: Arrays) -> float:
    """Returns the length of the difference of all arrays over the length of `theirs`."""
    if ours.keys() != theirs.keys():
        return np.inf
    squares = [(_square(theirs[name] - array), _square(theirs[name])) for name, array in ours.items()]
    difference, length = np.sqrt(np.sum(squares, axis=0))
    return float(difference / length) if length else float(difference)


def worst_relative_norm(ours: Arrays, theirs: Arrays, share: float) -> float:
    """Returns the largest `relative_norm` of a single array; those below `share` of all of them count as that long.

    Some gradients are sums that cancel, such as that of a bias that shifts real and fake scores alike: of these only
    rounding is left.
    """
    if ours.keys() != theirs.keys():
        return np.inf
    floor = share * np.sqrt(sum(_square(array) for array in theirs.values()))
    differences = [
        np.sqrt(_square(theirs[name] - array)) / max(np.sqrt(_square(theirs[name])), floor, 1e-30)
        for name, array in ours.items()
    ]
    return float(np.max(differences))  # NaN if any is


def _square(array: np.ndarray) -> float:
    return float(np.sum(np.square(array, dtype=np.float64)))
