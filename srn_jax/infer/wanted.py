"""What a user may ask for, on a command line or in a call; it takes no array library to say."""

from dataclasses import dataclass
from fractions import Fraction

ROUNDINGS = ("nearest", "truncate")
MOST_AT_A_TIME = 1024  # pictures in one call of the network


@dataclass(frozen=True)
class Wanted:
    """What the user asked for, checked as one canvas; None where nothing was said.

    Attributes:
      top, bottom, left, right: pixels.
      size: the canvas' (width, height).
      aspect: the canvas' width over its height; the picture fills it in one direction.
      ratio: the canvas' (width, height) over the picture's.
      placement: where the picture lies on a canvas whose size is given, a name in `geometry.placement.AROUND`.
      seed: of placement "random".
    """

    top: int | None = None
    bottom: int | None = None
    left: int | None = None
    right: int | None = None
    size: tuple[int, int] | None = None
    aspect: Fraction | None = None
    ratio: tuple[Fraction, Fraction] | None = None
    placement: str | None = None
    seed: int = 0
