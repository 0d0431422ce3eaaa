"""Numbers where they come in: of any integer type or as text, within bounds that are stated where they are refused."""

import math
import operator
from fractions import Fraction
from typing import Any

from srn_jax.errors import InputError, brief

MOST_PIXELS = 10**9  # of a margin: no canvas is so long
MOST_SEED = 2**32 - 1
MOST_TIMES = 10**9  # a ratio is no larger, nor smaller than one over it
_MOST_TEXT = 40  # characters of a number that somebody types


def pixels(name: str, value: Any) -> int:
    """Returns `value`, of any integer type, as an `int`; raises InputError where it is no number of pixels."""
    return whole(name, value, 0, MOST_PIXELS, f"a whole number of pixels, 0 or more, up to {MOST_PIXELS:,}")


def seed(name: str, value: Any) -> int:
    """Returns `value`, of any integer type, as an `int`; raises InputError where it is no seed."""
    return whole(name, value, 0, MOST_SEED, f"a whole number, 0 to {MOST_SEED}")


def whole(name: str, value: Any, least: int, most: int, takes: str) -> int:
    """Returns `value`, of any integer type, as an `int`: sums and products of small types would wrap around.

    Args:
      name: of what has the value, for messages.
      least, most: its bounds, both included.
      takes: what `name` takes, in words.

    Raises:
      InputError: it is a bool, a fraction, no number, or out of bounds.
    """
    try:
        number = None if _is_bool(value) else operator.index(value)
    except TypeError:
        number = None
    if number is None or not least <= number <= most:
        raise InputError(f"{name} is {brief(value)}; it takes {takes}")
    return number


def positive(text: str) -> Fraction:
    """Returns the number above 0 that `text` is, exactly; raises ValueError where it is none, or beyond all bounds.

    Its exponent is looked at first: 1e999999999 written out takes all memory.
    """
    if len(text) > _MOST_TEXT:
        raise ValueError(f"{brief(text)} has more than {_MOST_TEXT} characters")
    if not 0.0 < _nearest(text) < math.inf:
        raise ValueError(f"{brief(text)} is no number above 0, or beyond all bounds")
    number = Fraction(text)
    if not Fraction(1, MOST_TIMES) <= number <= MOST_TIMES:
        raise ValueError(f"{brief(text)} is beyond all bounds")
    return number


def _nearest(text: str) -> float:
    """Returns the float nearest to a number or a fraction such as 16/9, in no time whatever its exponent."""
    above, _, below = text.partition("/")
    return float(above) / float(below or 1)


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool) or str(getattr(value, "dtype", "")) == "bool"
