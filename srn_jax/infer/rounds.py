"""What a plan's windows become: painted a round at a time, and blended where they overlap."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float

from srn_jax.errors import InputError
from srn_jax.generators.generator import Generator
from srn_jax.geometry import host_mask
from srn_jax.infer.extrapolation import PictureError
from srn_jax.infer.windows import Box, Plan, Round, Window

# Where windows overlap the nearer counts more: the higher this is, the less textures blur, and the sharper they change.
_DECISIVENESS = 3


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
    inside(canvas, place)[:] = picture
    original = np.zeros((*canvas.shape[:2], 1), bool)
    inside(original, place)[:] = True
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
    inside(share, one.painted)[:] = inside(np.maximum(axes[0][:, None], axes[1][None, :])[..., None], one.painted)
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
            yield inside(self.view, Box(window.top + known.top, window.left + known.left, *size)), mask


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


def inside(canvas: np.ndarray, box: Box) -> np.ndarray:
    """Returns the part of the canvas that `box` names, a view."""
    return canvas[box.top : box.top + box.height, box.left : box.left + box.width]
