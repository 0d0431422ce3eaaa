"""Detail for `expand`: the working canvas as the guide, the photograph at its own resolution as the texture."""

from collections.abc import Callable

import jax
import numpy as np
from jaxtyping import Float, UInt8

from srn_jax.detail import LEAST_SIDE, Levels, halved, plan_levels, synthesize
from srn_jax.geometry import Size
from srn_jax.infer.feather import match_tones
from srn_jax.infer.planes import resized_picture
from srn_jax.infer.windows import Box, Plan, Sides

_TONES = 0.5  # of the photograph's shorter side: so far the guide takes on its tones


def plan_detail(size: Size, margins: Sides) -> Levels | None:
    """Returns the levels that detail is made in; None for a picture of under 21 pixels, 3 patches, on a side."""
    return plan_levels(size, margins) if min(size) >= LEAST_SIDE else None


def with_texture(
    img: UInt8[np.ndarray, "h w 3"] | Float[np.ndarray, "h w 3"],
    working: Float[np.ndarray, "wh ww 3"],
    planned: Plan,
    margins: Sides,
    levels: Levels,
    seed: int,
    progress: Callable[[], object],
) -> Float[np.ndarray, "ch cw 3"]:
    """Returns the canvas around `img` in [0, 1], at its own resolution, laid out as the model painted it.

    Args:
      working: what the model painted, at its scale, as `planned` says.
      margins: pixels beyond the sides of `img`; `levels` is what `plan_detail` returned for them.
      seed: another one gives another version.
      progress: is called `work_of(levels)` times.
    """
    guide = _guide(img, working, planned, levels)
    canvas = synthesize(img, guide, levels, jax.random.key(seed), progress=progress)
    height, width = margins.top + img.shape[0] + margins.bottom, margins.left + img.shape[1] + margins.right
    side = 2 ** levels.levels[-1].halvings
    top, left = levels.corner
    if side == 1:
        return canvas[top : top + height, left : left + width]
    box = left / side, top / side, (left + width) / side, (top + height) / side
    return resized_picture(canvas, box, (height, width))


def _guide(img: np.ndarray, working: np.ndarray, planned: Plan, levels: Levels) -> Float[np.ndarray, "gh gw 3"]:
    """Returns the working canvas at the coarsest level, in the photograph's tones beside it."""
    level = levels.levels[0]
    unit = [planned.picture[axis] * 2**level.halvings / img.shape[axis] for axis in (0, 1)]  # working pixels in one
    top, left = planned.margins.top - level.box.top * unit[0], planned.margins.left - level.box.left * unit[1]
    bottom, right = top + level.canvas[0] * unit[0], left + level.canvas[1] * unit[1]
    # The level's canvas is padded, and reaches a little beyond.
    more = int(np.ceil(max(0.0, -top, -left, bottom - working.shape[0], right - working.shape[1])))
    edged = np.pad(working, ((more, more), (more, more), (0, 0)), mode="edge")
    box = left + more, top + more, right + more, bottom + more
    photo = halved(img, level.halvings)
    reach = round(min(photo.shape[:2]) * _TONES)
    guide = resized_picture(edged, box, level.canvas)
    planes = [match_tones(guide[..., channel], photo[..., channel], Box(*level.box), reach) for channel in range(3)]
    return np.stack(planes, axis=-1).clip(0.0, 1.0)
