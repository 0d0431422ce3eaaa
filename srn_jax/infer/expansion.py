"""`expand`: any margins around a picture of any size, painted in as many windows as the model needs."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, SupportsIndex, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import ArrayLike

from srn_jax.config import numbers
from srn_jax.detail import work_of
from srn_jax.errors import InputError, brief
from srn_jax.generators.generator import Generator
from srn_jax.geometry import host_mask
from srn_jax.geometry.placement import BETWEEN, Size
from srn_jax.infer.checks import check_generator, check_picture
from srn_jax.infer.extrapolation import PictureError, check_batch, extrapolate_stream
from srn_jax.infer.feather import match_tones
from srn_jax.infer.resize import Edges, resized
from srn_jax.infer.texture import plan_detail, with_texture
from srn_jax.infer.windows import Box, Plan, Round, Sides, Window, plan

# Where windows overlap the nearer counts more: the higher this is, the less textures blur, and the sharper they change.
_DECISIVENESS = 3
_PASS = 40  # tiles of detail that take about as long as a pass, for the progress


@runtime_checkable
class Stream(Protocol):
    """What paints windows: `extrapolate_stream`, or a function like it that paints those of other pictures as well."""

    def __call__(
        self,
        generator: Generator,
        pictures: Iterable[tuple[Float[np.ndarray, "kh kw 3"], Bool[np.ndarray, "ch cw"]]],
        /,
        *,
        expected: int,
    ) -> Iterator[np.ndarray]: ...


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
    margins = _whole_sides(margins)
    reach = min(numbers.pixels("feather", feather), max(margins))  # nothing is painted farther away
    number = numbers.seed("seed", seed)
    check_progress(progress)
    if not isinstance(detail, bool | np.bool_):
        raise InputError(f"detail is {brief(detail)}; it takes True or False")
    planned = _planned(generator, size, margins)
    levels = plan_detail(size, margins) if detail else None
    told = Progress(progress, planned.passes, work_of(levels) if levels else 0)
    whole = (0.0, 0.0, float(size[1]), float(size[0]))
    seen = [resized(unit(img[..., channel]), whole, planned.picture) for channel in range(3)]
    seen = np.stack(seen, axis=-1).clip(0, 1)
    working = paint(stream, generator, seen, planned, told.a_pass)
    height, width = margins.top + size[0] + margins.bottom, margins.left + size[1] + margins.right
    place, result = Box(margins.top, margins.left, *size), np.empty((height, width, 3), img.dtype)
    box = _place_of_canvas(planned, size, margins)
    if levels:
        working = with_texture(img, working, planned, margins, levels, number, told.a_tile)
        box = (0.0, 0.0, float(width), float(height))
    for channel in range(3):  # one at a time, since large canvases take much memory
        plane = resized(working[..., channel], box, (height, width))
        if reach:
            plane = match_tones(plane, unit(img[..., channel]), place, reach)
        plane = plane.clip(0.0, 1.0)
        result[..., channel] = np.round(plane * 255) if img.dtype == np.uint8 else plane
    _inside(result, place)[:] = img
    return result


def check_progress(progress: Any) -> None:
    """Raises InputError where `progress` is no function."""
    if progress is not None and not callable(progress):
        raise InputError(f"progress is {brief(progress)}; it takes a function of the work done and in all, or None")


class Progress:
    """Tells of passes and tiles as of one kind of work."""

    def __init__(self, tell: Callable[[int, int], object] | None, passes: int, tiles: int) -> None:
        """Calls `tell` with the work done and in all, where so many passes and tiles are to come."""
        self._tell, self._pass = tell, _PASS if tiles else 1
        self._done, self._all = 0, passes * self._pass + tiles

    def a_pass(self) -> None:
        """Tells that a pass is done."""
        self._add(self._pass)

    def a_tile(self) -> None:
        """Tells that a tile is done."""
        self._add(1)

    def _add(self, work: int) -> None:
        self._done += work
        if self._tell is not None:
            self._tell(self._done, self._all)


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
    return _planned(generator, whole_size(size), _whole_sides((top, bottom, left, right)))


def _planned(generator: Generator, size: Size, margins: Sides) -> Plan:
    check_around(generator)
    if not any(margins):
        raise InputError("top, bottom, left and right are all 0: there is nothing to paint")
    return plan(size, margins, known=generator.known, canvas=generator.canvas, placement=generator.placement)


def check_around(generator: Generator) -> None:
    """Raises InputError where a generator was not trained to paint around one picture."""
    if generator.placement in BETWEEN:
        raise InputError(
            f"this model was trained to paint between two pictures (placement {generator.placement!r}): join takes it, "
            "or --input2 on the command line; around one picture paint others, as 'scenes'"
        )


def whole_size(size: Any) -> Size:
    """Returns (height, width) as Python's own integers; raises InputError where they are none."""
    if not isinstance(size, Sequence) or len(size) != 2:
        raise InputError(f"size is {brief(size)}; it takes (height, width)")
    height, width = (
        numbers.whole("size", side, 1, numbers.MOST_PIXELS, "whole numbers of pixels, 1 or more, (height, width)")
        for side in size
    )
    return height, width


def _whole_sides(margins: tuple[Any, Any, Any, Any]) -> Sides:
    """Returns the margins as Python's own integers; raises InputError, which names the side that is none."""
    return Sides(*(numbers.pixels(name, side) for name, side in zip(Sides._fields, margins, strict=True)))


def paint(
    stream: Stream,
    generator: Generator,
    picture: Float[np.ndarray, "h w 3"],
    planned: Plan,
    progress: Callable[[], object] = lambda: None,
) -> Float[np.ndarray, "canvas_h canvas_w 3"]:
    """Returns the working canvas of `planned` around `picture`, which is of the size that it says; in [0, 1].

    `stream` paints a round's windows, which all see the same pixels; `progress` is called after each of them.
    """
    margins, (height, width) = planned.margins, planned.picture
    canvas = np.zeros((margins.top + height + margins.bottom, margins.left + width + margins.right, 3), np.float32)
    place = Box(margins.top, margins.left, height, width)
    _inside(canvas, place)[:] = picture
    original = np.zeros((*canvas.shape[:2], 1), bool)
    _inside(original, place)[:] = True
    done = 0
    for one in planned.rounds:
        view = np.rot90(canvas, one.turns)  # a view: what is written to it lands on the canvas
        weighted, weights = np.zeros_like(view), np.zeros((*view.shape[:2], 1), np.float32)
        painted = stream(generator, _Seen(view, one, generator), expected=planned.passes)
        for window, pixels in zip(one.windows, _named(painted, done, planned.passes), strict=True):
            here, part = _overlap(window, pixels.shape, view.shape)
            weight = _weight(window, generator)[part]
            weighted[here] += pixels[part] * weight
            weights[here] += weight
            progress()
        share = np.where(np.rot90(original, one.turns), 0, _share_of_new(one, view.shape))
        new = np.divide(weighted, weights, out=np.zeros_like(view), where=weights > 0)  # at corners they are tiny
        view[:] = np.where(share > 0, view + share * (new - view), view)
        done += len(one.windows)
    return canvas


def _named(painted: Iterator[np.ndarray], done: int, passes: int) -> Iterator[np.ndarray]:
    """Yields what is painted after `done` passes; an error names the pass, since the user gave one picture alone."""
    try:
        yield from painted
    except PictureError as error:
        where = f"pass {done + error.number + 1} of {passes}: " if passes > 1 else ""
        raise InputError(f"{where}{error.reason}") from error


def _share_of_new(one: Round, canvas: tuple[int, ...]) -> Float[np.ndarray, "h w 1"]:
    """Returns 1 where nothing was painted before the round, 0 where nothing is now, a slope where both are."""
    axes = []
    for start, length, setback, size in (
        (one.known.top, one.known.height, one.setback[:2], canvas[0]),
        (one.known.left, one.known.width, one.setback[2:], canvas[1]),
    ):
        place = np.arange(size) + 0.5 - start  # within what was there
        slopes = [
            1 - inward / back if back else (inward < 0)
            for inward, back in zip((place, length - place), setback, strict=True)
        ]
        axes.append(np.maximum(*slopes).clip(0, 1))
    share = np.zeros((canvas[0], canvas[1], 1), np.float32)
    _inside(share, one.painted)[:] = _inside(np.maximum(axes[0][:, None], axes[1][None, :])[..., None], one.painted)
    return share


@dataclass(frozen=True)
class _Seen:
    """What each window of a round sees: its known rectangle [kh, kw, 3], and its mask [ch, cw]."""

    view: Float[np.ndarray, "h w 3"]
    round: Round
    generator: Generator

    def __len__(self) -> int:
        return len(self.round.windows)

    def __iter__(self) -> Iterator[tuple[Float[np.ndarray, "kh kw 3"], Bool[np.ndarray, "ch cw"]]]:
        size = self.generator.known
        for window in self.round.windows:
            known = Box(*window.offset, *size)
            mask = host_mask(window.offset, self.generator.canvas, size)
            yield _inside(self.view, Box(window.top + known.top, window.left + known.left, *size)), mask


def _overlap(window: Window, size: tuple[int, ...], canvas: tuple[int, ...]) -> tuple[Any, Any]:
    """Returns where a window lies on the canvas, and the part of it that does."""
    here, part = [], []
    for start, length, limit in zip(window[:2], size, canvas, strict=False):
        first, last = max(start, 0), min(start + length, limit)
        here.append(slice(first, last))
        part.append(slice(first - start, last - start))
    return tuple(here), tuple(part)


def _weight(window: Window, generator: Generator) -> Float[np.ndarray, "h w 1"]:
    """Returns how much each pixel of a window counts: most amid the known rectangle, least at the window's edges."""
    axes = []
    for offset, known, length in zip(window.offset, generator.known, generator.canvas, strict=True):
        middle = offset + known / 2
        away = np.arange(length) + 0.5 - middle
        share = np.abs(away) / np.where(away < 0, middle, length - middle)
        axes.append(np.float32(1 - share) ** _DECISIVENESS)
    return (axes[0][:, None] * axes[1][None, :])[..., None]


def unit(channel: np.ndarray) -> Float[np.ndarray, "h w"]:
    """Returns one channel, uint8 or float in [0, 1], as float32 in [0, 1]."""
    return channel * np.float32(1 / 255) if channel.dtype == np.uint8 else channel.astype(np.float32)


def _place_of_canvas(planned: Plan, size: Size, margins: Sides) -> Edges:
    """Returns where the canvas lies on the working one, whose margins are rounded up: (left, top, right, bottom)."""
    found = []
    for axis, (before, after) in ((1, margins[2:]), (0, margins[:2])):
        unit = planned.picture[axis] / size[axis]
        start, whole = planned.margins[2 * axis], sum(planned.margins[2 * axis : 2 * axis + 2]) + planned.picture[axis]
        found.append((max(start - before * unit, 0.0), min(start + (size[axis] + after) * unit, whole)))
    (first_column, last_column), (first_row, last_row) = found
    return first_column, first_row, last_column, last_row


def _inside(canvas: np.ndarray, box: Box) -> np.ndarray:
    """Returns the part of the canvas that `box` names, a view."""
    return canvas[box.top : box.top + box.height, box.left : box.left + box.width]
