"""How the known picture is placed on its canvas at training: a table of names, which command lines list at once."""

from collections.abc import Callable

from srn_jax.errors import pick

Size = tuple[int, int]  # height, width in pixels
MOST_SIDE = 2**16  # pixels of a canvas: the networks' memory grows with its area
# slack = canvas - known -> the least and the greatest offset, (top, left).
Bounds = Callable[[Size], tuple[Size, Size]]


def _random(slack: Size) -> tuple[Size, Size]:
    return (0, 0), slack


def _center(slack: Size) -> tuple[Size, Size]:
    middle = slack[0] // 2, slack[1] // 2
    return middle, middle


def _top(slack: Size) -> tuple[Size, Size]:
    middle = 0, slack[1] // 2
    return middle, middle


def _left(slack: Size) -> tuple[Size, Size]:
    middle = slack[0] // 2, 0
    return middle, middle


AROUND: dict[str, Bounds] = {  # one picture
    "random": _random,
    "center": _center,
    "top": _top,  # grows downward, and to both sides alike
}
BETWEEN: dict[str, Bounds] = {"between": _left}  # the known window's halves, at the left and the right end
PLACEMENTS: dict[str, Bounds] = AROUND | BETWEEN


def offset_bounds(placement: str, canvas: Size, known: Size) -> tuple[Size, Size]:
    """Returns the least and the greatest offset that `placement`, a name in `PLACEMENTS`, places windows at."""
    return pick(PLACEMENTS, placement, "geometry.placement")((canvas[0] - known[0], canvas[1] - known[1]))


def gap_of(placement: str, canvas: Size, known: Size) -> int:
    """Returns how many columns `placement`, a name in `PLACEMENTS`, leaves between the known window's halves."""
    return canvas[1] - known[1] if placement in BETWEEN else 0
