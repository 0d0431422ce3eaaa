"""What this room's functions accept: every check of user arrays, each with the line that says what would be right."""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from srn_jax.config import numbers
from srn_jax.errors import InputError, brief
from srn_jax.generators.generator import Generator
from srn_jax.geometry.placement import BETWEEN, Size
from srn_jax.infer.windows import Sides

_OR_TWO = ", or two of one width in the same rows, at the left and the right end"


def check_generator(generator: object, function: str) -> None:
    """Raises InputError where the first argument of `function` is no Generator."""
    if not isinstance(generator, Generator):
        raise InputError(
            f"generator is a {type(generator).__name__}; {function} takes a Generator, which knows the geometry of its "
            "training: what load_generator returns, or Generator(params, model, known, canvas, placement)"
        )


def check_around(generator: Generator) -> None:
    """Raises InputError where a generator was not trained to paint around one picture."""
    if generator.placement in BETWEEN:
        raise InputError(
            f"this model was trained to paint between two pictures (placement {generator.placement!r}): join takes it, "
            "or --input2 on the command line; around one picture paint others, as 'scenes'"
        )


def check_image(img: Any, name: str = "img") -> np.ndarray:
    """Returns `img`, the argument `name`, as an array [h, w, 3] or [N, h, w, 3] of uint8 or float."""
    array = np.asarray(img)
    if array.ndim not in (3, 4) or array.shape[-1] != 3 or 0 in array.shape:
        raise InputError(f"{name} has shape {array.shape}; it takes [h, w, 3] or [N, h, w, 3], RGB")
    if array.dtype != np.uint8 and not jnp.issubdtype(array.dtype, jnp.floating):
        raise InputError(f"{name} has dtype {array.dtype}; it takes uint8, or float in [0, 1]")
    return array


def check_picture(img: Any, name: str, function: str) -> np.ndarray:
    """Returns `img`, the argument `name` of `function`, as an array [h, w, 3] of uint8, or of float in [0, 1]."""
    array = check_image(img, name)
    if array.ndim == 4:
        raise InputError(f"{name} has shape {array.shape}; {function} takes one picture, [h, w, 3]")
    check_known_values(array, name)
    return array


def check_known_values(known: np.ndarray, name: str = "img") -> None:
    """Raises InputError where known pixels of `name`, uint8 or float, are not finite or not in range."""
    if known.dtype == np.uint8:
        return
    values = known if known.dtype == np.float64 else known.astype(np.float32)
    bad = ~np.isfinite(values)
    if bad.any():
        raise InputError(f"{name} holds {int(bad.sum())} known values that are NaN or infinite")
    if values.min() < 0.0 or values.max() > 1.0:
        raise InputError(
            f"{name} is float in [{values.min()}, {values.max()}]; floats are taken in [0, 1], and 0..255 as uint8"
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


def whole_sides(margins: tuple[Any, Any, Any, Any]) -> Sides:
    """Returns the margins as Python's own integers; raises InputError, which names the side that is none."""
    return Sides(*(numbers.pixels(name, side) for name, side in zip(Sides._fields, margins, strict=True)))


def check_progress(progress: Any) -> None:
    """Raises InputError where `progress` is no function."""
    if progress is not None and not callable(progress):
        raise InputError(f"progress is {brief(progress)}; it takes a function of the work done and in all, or None")


def check_detail(detail: Any) -> None:
    """Raises InputError where `detail` is no truth value."""
    if not isinstance(detail, bool | np.bool_):
        raise InputError(f"detail is {brief(detail)}; it takes True or False")


def check_mask(mask: Any) -> np.ndarray:
    """Returns `mask` as bool [H, W] or [N, H, W], True = to be synthesized."""
    array = np.asarray(mask)
    if array.ndim in (3, 4) and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim not in (2, 3) or 0 in array.shape or (array.ndim == 3 and array.shape[-1] == 3):
        raise InputError(
            f"mask has shape {np.shape(mask)}; it takes [H, W] or [N, H, W], with or without a last axis of 1"
        )
    if array.dtype == bool:
        return array
    if not (jnp.issubdtype(array.dtype, jnp.floating) or jnp.issubdtype(array.dtype, jnp.integer)):
        raise InputError(f"mask has dtype {array.dtype}; it takes bool, or 0 (known) and 1 (to be synthesized)")
    values = np.unique(array)
    if not np.isin(values, (0.0, 1.0)).all():
        other = values[~np.isin(values, (0.0, 1.0))][0]
        raise InputError(f"mask holds {other}; it takes bool, or 0 (known) and 1 (to be synthesized)")
    return array.astype(bool)


def known_rectangles(masks: np.ndarray) -> tuple[np.ndarray, np.ndarray, Size]:
    """Returns where each mask's known picture lies, and the size that all share.

    It is one rectangle, or its halves are two at the left and the right end: (top, left), [N, 2], and how many columns
    lie between them, [N], 0 where it is one.
    """
    offsets, gaps, sizes = [], [], set()
    for number, mask in enumerate(masks):
        where = f"mask {number}" if len(masks) > 1 else "mask"
        known = ~mask
        rows, columns = np.flatnonzero(known.any(axis=1)), np.flatnonzero(known.any(axis=0))
        if not len(rows):
            raise InputError(f"{where} is 1 everywhere: it leaves no known picture to extrapolate from")
        if not mask.any():
            raise InputError(f"{where} is 0 everywhere: it leaves nothing to synthesize")
        height, gap = int(rows[-1] - rows[0] + 1), int(columns[-1] - columns[0] + 1) - len(columns)
        if not known[rows[0] : rows[-1] + 1, columns].all():
            raise InputError(
                f"{where} is 0 on several regions, or on one that is no rectangle; it takes one rectangle of 0{_OR_TWO}"
            )
        if gap:
            _check_two(where, columns, mask.shape[1])
        offsets.append((rows[0], columns[0]))
        gaps.append(gap)
        sizes.add((height, len(columns)))
    if len(sizes) > 1:
        listed = ", ".join(f"{h}x{w}" for h, w in sorted(sizes))
        raise InputError(f"the masks' known rectangles differ in size ({listed}); one call takes one size")
    return np.array(offsets, np.int64), np.array(gaps, np.int64), sizes.pop()


def _check_two(where: str, columns: np.ndarray, width: int) -> None:
    """Raises InputError where known columns, which are not one stretch, are not two of one width at both ends."""
    ends = np.flatnonzero(np.diff(columns) > 1)
    starts = columns[[0, *(ends + 1)]]
    widths = columns[[*ends, -1]] - starts + 1
    if len(starts) > 2 or starts[0] or columns[-1] != width - 1 or widths[0] != widths[1]:
        seen = ", ".join(f"{first} to {first + many - 1}" for first, many in zip(starts[:3], widths[:3], strict=True))
        more = ", ..." if len(starts) > 3 else ""
        raise InputError(
            f"{where} is 0 on {len(starts)} rectangles, columns {seen}{more} of 0 to {width - 1}; it takes one "
            f"rectangle of 0{_OR_TWO}"
        )


def check_canvas(model: nn.Module, known: Size, canvas: Size, *, halved: bool = False) -> None:
    """Raises InputError where the network cannot make `canvas` from `known`; names the sizes that it can.

    `halved` is whether the known picture's halves are parted, as those of some mask.
    """
    ratio = getattr(model, "ratio", None)
    seen = f"a known picture of {known[0]}x{known[1]} on a canvas of {canvas[0]}x{canvas[1]}"
    if ratio is None:  # SRN-HR, ED and CA work on the canvas alone
        if canvas[0] % 4 or canvas[1] % 4:
            able = tuple(-(-side // 4) * 4 for side in canvas)
            raise InputError(f"{seen}: the canvas' sides must be multiples of 4, such as {able[0]}x{able[1]}")
        return
    if known[0] % 4 or known[1] % 4 or (known[0] * ratio[0], known[1] * ratio[1]) != canvas:
        able = [f"{h}x{w} on {h * ratio[0]}x{w * ratio[1]}" for h, w in _suitable_sizes(known, canvas, ratio)]
        raise InputError(
            f"{seen}: this network makes canvases of {ratio[0]}x the height and {ratio[1]}x the width of pictures "
            f"whose sides are multiples of 4, here {' or '.join(able)} (height x width)"
        )
    if halved and known[1] % 8:
        raise InputError(
            f"{seen}, in two halves: this network takes halves whose widths are multiples of 4, here 0 on "
            f"{max(1, round(known[1] / 8)) * 4} columns at each end"
        )


def _suitable_sizes(known: Size, canvas: Size, ratio: tuple[int, int]) -> list[Size]:
    """Returns the nearest suitable known size, and the one that this canvas, rounded, takes."""
    sizes = known, (canvas[0] / ratio[0], canvas[1] / ratio[1])
    nearest = [(max(4, round(height / 4) * 4), max(4, round(width / 4) * 4)) for height, width in sizes]
    return list(dict.fromkeys(nearest))
