"""From what a user asks for, pixels on some sides or the canvas' size, aspect or ratio, to pixels on all four sides."""

from fractions import Fraction

import jax
import numpy as np

from srn_jax.config.numbers import MOST_PIXELS
from srn_jax.errors import InputError, brief
from srn_jax.generators.generator import Generator
from srn_jax.geometry import draw_offsets
from srn_jax.geometry.placement import Size, offset_bounds
from srn_jax.infer.wanted import Wanted
from srn_jax.infer.windows import Sides


def sides_for(generator: Generator, picture: Size, wanted: Wanted, number: int = 0) -> Sides:
    """Returns the margins of the `number`-th picture, of (height, width) `picture`.

    Sides alone are what they say, and 0 where they say nothing. A canvas places the picture as `placement` says, by
    default as the generator was trained, random standing for the middle; sides that are given besides stay. Where
    nothing is asked for the canvas is as many times the picture as at training. All are 0 where it is the picture.

    Raises:
      InputError: the canvas is smaller than the picture, sides do not add up to it, or those given are all 0.
    """
    given = [wanted.top, wanted.bottom, wanted.left, wanted.right]
    whole = any((wanted.size, wanted.aspect, wanted.ratio))
    if not whole and any(side is not None for side in given):
        sides = Sides(*(side or 0 for side in given))
        if not any(sides):
            raise InputError("there is nothing to paint: all margins are 0")
    else:
        canvas = _canvas(generator, picture, wanted)
        if max(canvas) > MOST_PIXELS:
            raise InputError(
                f"the canvas would be {brief(canvas[1])}x{brief(canvas[0])}; its sides may have up to {MOST_PIXELS:,} "
                "pixels"
            )
        if canvas[0] < picture[0] or canvas[1] < picture[1]:
            raise InputError(
                f"the canvas, {canvas[1]}x{canvas[0]}, is smaller than the picture, {picture[1]}x{picture[0]} "
                "(width x height)"
            )
        placement = wanted.placement or ("center" if generator.placement == "random" else generator.placement)
        top, left = _place(placement, wanted.seed, number, canvas, picture)
        rows = _pair("top", "bottom", wanted.top, wanted.bottom, canvas[0] - picture[0], top)
        columns = _pair("left", "right", wanted.left, wanted.right, canvas[1] - picture[1], left)
        sides = Sides(*rows, *columns)
    return sides


def trained_ratio(generator: Generator) -> tuple[Fraction, Fraction]:
    """Returns how many times the known picture the canvas was at training, (width, height)."""
    (height, width), (canvas_height, canvas_width) = generator.known, generator.canvas
    return Fraction(canvas_width, width), Fraction(canvas_height, height)


def _canvas(generator: Generator, picture: Size, wanted: Wanted) -> Size:
    height, width = picture
    if wanted.size is not None:
        return wanted.size[1], wanted.size[0]
    if wanted.aspect is not None:
        return max(height, round(width / wanted.aspect)), max(width, round(height * wanted.aspect))
    ratio = wanted.ratio or trained_ratio(generator)
    return round(height * ratio[1]), round(width * ratio[0])


def _place(placement: str, seed: int, number: int, canvas: Size, picture: Size) -> Size:
    """Returns the picture's (top, left) corner."""
    least, greatest = offset_bounds(placement, canvas, picture)
    if least == greatest:  # nothing to draw, which is a third of a second the first time
        return least
    key = jax.random.fold_in(jax.random.key(seed), number)
    top, left = np.asarray(draw_offsets(placement, key[None], canvas, picture))[0].tolist()
    return top, left


def _pair(first: str, second: str, before: int | None, after: int | None, total: int, default: int) -> tuple[int, int]:
    """Returns both margins of one axis, which add up to `total`."""
    given = [f"--{name} {side}" for name, side in ((first, before), (second, after)) if side is not None]
    if before is None:
        before = default if after is None else total - after
    after = total - before if after is None else after
    if min(before, after) < 0 or before + after != total:
        raise InputError(
            f"{' and '.join(given)} {'do' if len(given) > 1 else 'does'} not fit: this canvas has {total} pixels "
            f"beyond {first} and {second} together; give one of them, 0 to {total}, or none"
        )
    return before, after
