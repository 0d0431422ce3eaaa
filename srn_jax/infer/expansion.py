"""`expand`: any margins around a picture of any size, painted in as many windows as the model needs."""

from collections.abc import Callable
from functools import partial
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike

from srn_jax.config import numbers
from srn_jax.detail import work_of
from srn_jax.errors import InputError
from srn_jax.generators.generator import Generator
from srn_jax.geometry.placement import Size
from srn_jax.infer.checks import (
    check_around,
    check_detail,
    check_generator,
    check_picture,
    check_progress,
    whole_sides,
    whole_size,
)
from srn_jax.infer.extrapolation import check_batch, extrapolate_stream
from srn_jax.infer.feather import match_tones
from srn_jax.infer.planes import Edges, from_unit, resized, resized_picture, unit, whole_of
from srn_jax.infer.progress import Progress
from srn_jax.infer.rounds import Stream, inside, paint
from srn_jax.infer.texture import plan_detail, with_texture
from srn_jax.infer.windows import Box, Plan, Sides, plan


def expand(
    generator: Generator,
    image: ArrayLike,
    *,
    top: SupportsIndex = 0,
    bottom: SupportsIndex = 0,
    left: SupportsIndex = 0,
    right: SupportsIndex = 0,
    feather: SupportsIndex = 0,
    detail: bool = True,
    seed: SupportsIndex = 0,
    progress: Callable[[int, int], object] | None = None,
    batch: SupportsIndex | None = None,
) -> np.ndarray:
    """Returns `image` with so many pixels painted beyond its sides; its own pixels come back bit for bit.

    The model works at its own scale: the picture's shorter side as long as that of the known picture that it was
    trained with, its longer side up to 8 times as long, to which it is squeezed. With `detail` what it painted says
    what lies where, and pieces of `image` itself, at its own resolution, make the picture (`srn_jax.detail`); without,
    and where `image` has fewer than 21 pixels on a side, it is enlarged.
    Where one pass does not make the canvas,
    it works outward in windows, each of which sees pixels that are there, in the geometry of its training; what
    overlaps is blended. `plan_expansion` says beforehand how many passes that takes.

    Args:
      generator: what `load_generator` returns.
      image: [h, w, 3], RGB; uint8, or float in [0, 1].
      top, bottom, left, right: pixels of `image`, 0 or more, not all of them 0.
      feather: so many painted pixels next to the picture take on its tone, fading outward; 0 leaves them as they are,
        more than the largest margin is as much as that.
      detail: whether texture is taken from `image`.
      seed: of detail, 0 to 2**32 - 1; another one gives another version.
      progress: is called with the work done and the work in all: passes; with `detail` its tiles, of which a pass
        counts 40.
      batch: how many windows go through the network in one call, as `extrapolate_stream` takes it.

    Returns:
      [top + h + bottom, left + w + right, 3] in the dtype of `image`.

    Raises:
      InputError (a ValueError): a wrong rank, dtype, range, margin or argument; says what would be right.
    """
    check_generator(generator, "expand")
    stream = partial(extrapolate_stream, batch=check_batch(batch))
    margins = (top, bottom, left, right)
    return expand_by(stream, generator, image, margins, feather=feather, detail=detail, seed=seed, progress=progress)


def expand_by(
    stream: Stream,
    generator: Generator,
    image: ArrayLike,
    margins: tuple[Any, Any, Any, Any],
    *,
    feather: Any,
    detail: Any,
    seed: Any,
    progress: Any,
) -> np.ndarray:
    """Returns what `expand` does, its windows painted by `stream`; `margins` are (top, bottom, left, right)."""
    img = check_picture(image, "image", "expand")
    size = img.shape[0], img.shape[1]
    margins = whole_sides(margins)
    reach = min(numbers.pixels("feather", feather), max(margins))  # nothing is painted farther away
    number = numbers.seed("seed", seed)
    check_progress(progress)
    check_detail(detail)
    planned = _planned(generator, size, margins)
    levels = plan_detail(size, margins) if detail else None
    told = Progress(progress, planned.passes, work_of(levels) if levels else 0)

    # Paint at the model's scale.
    seen = resized_picture(img, whole_of(img), planned.picture).clip(0.0, 1.0)
    working = paint(stream, generator, seen, planned, told.a_pass)

    # Bring it to the picture's own scale.
    box = _place_of_canvas(planned, size, margins)
    if levels:
        working = with_texture(img, working, planned, margins, levels, number, told.a_tile)
        box = whole_of(working)
    height, width = margins.top + size[0] + margins.bottom, margins.left + size[1] + margins.right
    place, result = Box(margins.top, margins.left, *size), np.empty((height, width, 3), img.dtype)
    for channel in range(3):
        plane = resized(working[..., channel], box, (height, width))
        if reach:
            plane = match_tones(plane, unit(img[..., channel]), place, reach)
        result[..., channel] = from_unit(plane.clip(0.0, 1.0), img.dtype)

    inside(result, place)[:] = img
    return result


def plan_expansion(
    generator: Generator,
    size: tuple[SupportsIndex, SupportsIndex],
    *,
    top: SupportsIndex = 0,
    bottom: SupportsIndex = 0,
    left: SupportsIndex = 0,
    right: SupportsIndex = 0,
) -> Plan:
    """Returns how `expand` paints so far beyond the sides of a picture of (height, width) `size`.

    `passes` is how often the network runs, `picture` the size at which it sees the picture, `rounds` the windows.

    Args:
      generator: one that paints around a picture.
      size: (height, width) of the picture, pixels.
      top, bottom, left, right: pixels of the picture, 0 or more.

    Raises:
      InputError: `generator` is none, or margins are negative, no whole numbers, or all 0.
    """
    check_generator(generator, "plan_expansion")
    return _planned(generator, whole_size(size), whole_sides((top, bottom, left, right)))


def _planned(generator: Generator, size: Size, margins: Sides) -> Plan:
    check_around(generator)
    if not any(margins):
        raise InputError("top, bottom, left and right are all 0: there is nothing to paint")
    return plan(size, margins, known=generator.known, canvas=generator.canvas, placement=generator.placement)


def _place_of_canvas(planned: Plan, size: Size, margins: Sides) -> Edges:
    """Returns where the canvas lies on the working one, whose margins are rounded up: (left, top, right, bottom)."""
    found = []
    for axis, (before, after) in ((1, margins[2:]), (0, margins[:2])):
        unit = planned.picture[axis] / size[axis]
        start, whole = planned.margins[2 * axis], sum(planned.margins[2 * axis : 2 * axis + 2]) + planned.picture[axis]
        found.append((max(start - before * unit, 0.0), min(start + (size[axis] + after) * unit, whole)))
    (first_column, last_column), (first_row, last_row) = found
    return first_column, first_row, last_column, last_row
