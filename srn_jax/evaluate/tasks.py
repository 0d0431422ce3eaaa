"""What is known of a photograph that is judged at its own resolution: a table of tasks."""

from collections.abc import Callable
from typing import NamedTuple

from srn_jax.geometry.placement import Size
from srn_jax.infer.windows import Box

_Boxes = tuple[Box, Box]


def _trained(size: Size, known: Size, canvas: Size, offset: Size) -> _Boxes:
    unit = min(length / whole for length, whole in zip(size, canvas, strict=True))
    window, part, corner = ([round(n * unit) for n in one] for one in (canvas, known, offset))
    window = [min(n, most) for n, most in zip(window, size, strict=True)]  # rounding may exceed it
    part = [min(max(n, 1), most) for n, most in zip(part, window, strict=True)]
    corner = [min(n, whole - inside) for n, whole, inside in zip(corner, window, part, strict=True)]
    middle = [(whole - inside) // 2 for whole, inside in zip(size, window, strict=True)]
    return Box(*middle, *window), Box(*corner, *part)


def trained_between(size: Size, known: Size, canvas: Size, offset: Size) -> _Boxes:
    """Returns the window and the known halves side by side, which have its rows whatever lay beyond at training.

    What `TASKS["trained"]` is for a generator that paints between two pictures; arguments as `place` takes them there.
    """
    del offset
    unit = min(size[0] / known[0], size[1] / canvas[1])
    window = [min(max(1, round(n * unit)), most) for n, most in zip((known[0], canvas[1]), size, strict=True)]
    middle = [(whole - part) // 2 for whole, part in zip(size, window, strict=True)]
    both = min(2 * max(1, round(known[1] * unit / 2)), window[1])
    return Box(*middle, *window), Box(0, 0, window[0], both)


# The known share of height and width, in the middle of the photograph.
MIDDLES = {"sides": (1.0, 0.6), "around": (2 / 3, 2 / 3)}


def middle(size: Size, shares: tuple[float, float]) -> Box:
    """Returns the part of a photograph of (height, width) `size` that is known, so much of each in the middle."""
    top, left = (round(n * (1 - share) / 2) for n, share in zip(size, shares, strict=True))
    return Box(top, left, size[0] - 2 * top, size[1] - 2 * left)


def _in_the_middle(task: str) -> Callable[[Size, Size, Size, Size], _Boxes]:
    return lambda size, known, canvas, offset: (Box(0, 0, *size), middle(size, MIDDLES[task]))


class _Task(NamedTuple):
    """What is known of a photograph, and how a report says it.

    `place` takes its size, the known and the canvas' size that the generator was trained at, and where the known part
    would lie on that canvas; it returns the window that is judged, and the known part within it.
    """

    place: Callable[[Size, Size, Size, Size], _Boxes]
    known: str
    canvas: str


_WHOLE = "the whole photograph"
TASKS = {
    "trained": _Task(_trained, "as at training, scaled to the canvas", "the largest central window of that aspect"),
    "sides": _Task(_in_the_middle("sides"), "the middle 60 % of the width, at full height", _WHOLE),
    "around": _Task(_in_the_middle("around"), "the middle two thirds of the width and of the height", _WHOLE),
}
