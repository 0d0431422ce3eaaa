"""From the margins that a user names, some or none of them, to all four."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import numpy as np

from srn_jax.errors import InputError
from srn_jax.generator import Generator
from srn_jax.geometry import Size, draw_offsets


@dataclass(frozen=True)
class Margins:
    """What the user asked for: pixels on some sides, or a name in `geometry.MARGINS`; None where nothing was said."""

    top: int | None = None
    bottom: int | None = None
    left: int | None = None
    right: int | None = None
    placing: str | None = None
    seed: int = 0


class Sides(NamedTuple):
    """How far the canvas reaches beyond the picture, in pixels."""

    top: int
    bottom: int
    left: int
    right: int


def margins_for(generator: Generator, known: Size, wanted: Margins, number: int) -> Sides:
    """Returns the margins of the `number`-th picture, of size `known`.

    What is not asked for follows from the network's ratio, and from how it was trained: random margins stand for the
    middle. Raises InputError where the sides do not add up to what the network makes; says what would.
    """
    ratio = getattr(generator.model, "ratio", None)
    if ratio is None and any(side is not None for side in (wanted.top, wanted.bottom, wanted.left, wanted.right)):
        return Sides(*(_not_negative(side or 0) for side in (wanted.top, wanted.bottom, wanted.left, wanted.right)))
    ratio = ratio or tuple(c / k for c, k in zip(generator.canvas, generator.known, strict=True))
    canvas = (round(known[0] * ratio[0]), round(known[1] * ratio[1]))
    placing = wanted.placing or ("center" if generator.margins == "random" else generator.margins)
    key = jax.random.fold_in(jax.random.key(wanted.seed), number)
    top, left = (int(x) for x in np.asarray(draw_offsets(placing, key[None], canvas, known))[0])
    top, bottom = _pair("top", "bottom", wanted.top, wanted.bottom, canvas[0] - known[0], top)
    left, right = _pair("left", "right", wanted.left, wanted.right, canvas[1] - known[1], left)
    return Sides(top, bottom, left, right)


def _pair(first: str, second: str, before: int | None, after: int | None, total: int, default: int) -> tuple[int, int]:
    """Returns both margins of one axis, which add up to `total`."""
    given = [f"--{name} {side}" for name, side in ((first, before), (second, after)) if side is not None]
    if before is None:
        before = default if after is None else total - after
    after = total - before if after is None else after
    if min(before, after) < 0 or before + after != total:
        raise InputError(
            f"{' and '.join(given)} {'do' if len(given) > 1 else 'does'} not fit: for this picture the network makes "
            f"{total} pixels beyond {first} and {second} together; give one of them, 0 to {total}, or none"
        )
    return before, after


def _not_negative(side: int) -> int:
    if side < 0:
        raise InputError(f"a margin of {side} pixels is negative; it takes 0 or more")
    return side
