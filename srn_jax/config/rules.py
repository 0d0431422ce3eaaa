"""What a single setting may be: rules that stand beside its default, and say what it takes where it is refused."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, NamedTuple

from srn_jax.config.numbers import MOST_SEED
from srn_jax.geometry.placement import MOST_SIDE

# Of a number that follows from the machine, and is found where it is needed; its field takes Any, for the flags.
AUTO = "auto"
MOST = 2**31 - 1  # of what is counted, in int32 on the device
_RULES = "rules"


class Rule(NamedTuple):
    """What a setting takes, in `words`, and whether a value `holds`."""

    words: str
    holds: Callable[[Any], bool]


class Formerly(property):
    """What a field was called, as an attribute beside it, for configuration files that call it so."""

    def __init__(self, now: str) -> None:
        super().__init__(lambda section: getattr(section, now), lambda section, value: setattr(section, now, value))
        self.now = now


def setting(default: Any, *rules: Rule) -> Any:
    """Returns a dataclass' field whose value is held to `rules`, the first of which that is broken being told."""
    return dataclasses.field(default=default, metadata={_RULES: rules})


def rules_of(field: "dataclasses.Field[Any]") -> tuple[Rule, ...]:
    """Returns the rules of a field; () where it has none."""
    return field.metadata.get(_RULES, ())


def number(
    words: str,
    least: float | int,
    most: float | int,
    *,
    open_below: bool = False,
    open_above: bool = False,
    whole: bool = False,
    auto: bool = False,
) -> Rule:
    """Returns the rule of a finite number from `least` to `most`, without these where open; or else, `auto`, AUTO."""

    def holds(value: Any) -> bool:
        if auto and value == AUTO:
            return True
        if not isinstance(value, int if whole else int | float) or not -math.inf < value < math.inf:
            return False
        above = value > least if open_below else value >= least
        below = value < most if open_above else value <= most
        return bool(above and below)

    return Rule(words, holds)


def one_of(*names: str) -> Rule:
    """Returns the rule of a name among few."""
    return Rule(" or ".join(map(repr, names)), lambda value: value in names)


def _is_size(value: Any) -> bool:
    fits = (isinstance(side, int) and 0 < side <= MOST_SIDE and side % 4 == 0 for side in value)
    return len(value) == 2 and all(fits)


def _numbers(values: tuple[Any, ...]) -> bool:
    return all(isinstance(value, int | float) for value in values)


def _is_range(value: Any) -> bool:
    return len(value) == 2 and _numbers(value) and 0.0 < value[0] <= value[1] <= 1.0


FROM_0, FROM_1 = (
    number(f"at least {least}, up to {MOST:,}, a whole number", least, MOST, whole=True) for least in (0, 1)
)
TIMES_FROM_0 = number("at least 0, up to 1e+30", 0.0, 1e30)  # float32 ends at 3e38
ABOVE_0 = number("above 0, up to 1e+30", 0.0, 1e30, open_below=True)
SHARE = number("a number in [0, 1]", 0.0, 1.0)
DECAY = number("a number in [0, 1)", 0.0, 1.0, open_above=True)
WIDTH = number("at least 1, up to 65,536, a whole number", 1, 2**16, whole=True)
WIDTH_FROM_2 = number("at least 2, up to 65,536, a whole number", 2, 2**16, whole=True)
EVEN = Rule("an even number", lambda value: value % 2 == 0)
SEED = number(f"at least 0, up to {MOST_SEED}, a whole number", 0, MOST_SEED, whole=True)
THREADS, WORKERS = (
    number(f"at least {least}, up to 1,024, a whole number, or 'auto'", least, 1024, whole=True, auto=True)
    for least in (1, 0)
)
SIZE = Rule(f"two multiples of 4, (height, width), up to {MOST_SIDE:,}", _is_size)
SIDES_FROM_16 = Rule("sides of at least 16, which the critics and SSIM need", lambda value: min(value) >= 16)
RANGE = Rule("(low, high) with 0 < low <= high <= 1", _is_range)
SHARES = Rule(
    "numbers in (0, 1]", lambda value: len(value) > 0 and _numbers(value) and all(0.0 < one <= 1.0 for one in value)
)
