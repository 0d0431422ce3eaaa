"""The synthesis from coarse to fine: matching and voting in turn, level by level."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Key, UInt8

from srn_jax.detail.layout import Layout
from srn_jax.detail.pyramid import Levels, halved
from srn_jax.detail.settings import DEFAULT, Settings
from srn_jax.detail.source import padded_length
from srn_jax.detail.stage import LEVELINGS, SEARCHED, Stage, exhaustive_searches, patches_searched
from srn_jax.detail.tiles import corners
from srn_jax.geometry import Size
from srn_jax.programs.backend import detail_tile


def work_of(levels: Levels, settings: Settings = DEFAULT, tile: Size | None = None) -> int:
    """Returns how often `synthesize` calls `progress`: once for each tile that it works on."""
    total = 0
    for number, level in enumerate(levels.levels):
        count, rounds = len(list(corners(level, tile or detail_tile()))), settings.refinements_at(number, level)
        if number == 0:
            total += exhaustive_searches(level, settings) * (-(-len(patches_searched(level)) // SEARCHED) + count)
            total += (2 * settings.searches * rounds + LEVELINGS + 1) * count
        else:
            total += (2 * rounds + 1) * count
    return total


def synthesize(
    photo: UInt8[np.ndarray, "h w 3"] | Float[np.ndarray, "h w 3"],
    guide: Float[np.ndarray, "gh gw 3"],
    levels: Levels,
    key: Key[jax.Array, ""],
    *,
    settings: Settings = DEFAULT,
    tile: Size | None = None,
    progress: Callable[[], object] = lambda: None,
) -> Float[np.ndarray, "ch cw 3"]:
    """Returns the canvas of the finest of `levels`, made of pieces of the photograph; in [0, 1].

    The photograph's own place has its colors, as that level has them. Colors beyond are those of the photograph,
    shifted by `settings.bound` at most. Memory is linear in the canvas and in the photograph.

    Args:
      photo: RGB; uint8, or float in [0, 1]. `plan_levels` made `levels` from its size.
      guide: what lies where, in [0, 1], on the canvas of the coarsest level.
      key: one key, one picture, whatever the tiles.
      tile: (height, width) of the pieces that are worked on; by default as suits the backend.
      progress: is called `work_of(levels)` times.
    """
    tile = tile or detail_tile()
    sizes = [level.box.height * level.box.width for level in levels.levels]
    compared = [size for number, size in enumerate(sizes) if settings.compares(number, levels.levels[number])]
    lengths = padded_length(max(sizes)), padded_length(max(compared))
    device = jax.config.jax_default_device  # pyright: ignore[reportAttributeAccessIssue]

    def on_device(function: Callable[[Any], Any], item: Any) -> Any:
        with jax.default_device(device):  # each thread has its own
            return function(item)

    # A tile's operations are too small for all cores of a CPU; elsewhere one tile fills the device.
    with ThreadPoolExecutor(os.cpu_count() if jax.default_backend() == "cpu" else 1) as pool:

        def each(function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
            for result in pool.map(partial(on_device, function), items):
                progress()
                yield result

        try:
            small = halved(photo, levels.levels[0].halvings)
            layout = Layout(small, guide, settings.guide, settings.rows)
            stage = Stage(levels.levels[0], 0, small, layout, settings, lengths, tile, each)
            found = stage.begin(jax.random.fold_in(key, 0))
            canvas, shift, led = stage.settle(*found, guide)
            for number, level in enumerate(levels.levels[1:], 1):
                small = halved(photo, level.halvings)
                stage = Stage(level, number, small, layout, settings, lengths, tile, each)
                matches = stage.enlarged(found[0], levels.levels[number - 1])
                found = matches, found[1].repeat(2, axis=0).repeat(2, axis=1)
                for one in range(settings.refinements_at(number, level)):
                    round_key = jax.random.fold_in(jax.random.fold_in(key, number), one)
                    found = stage.refine(stage.paint(*found), found[0], round_key, settings.radius)
                last = number == len(levels.levels) - 1
                canvas, *shifts = stage.paint_leveled(*found, shift, led, last)
                shift = shifts[0] if shifts else shift
            return canvas
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
