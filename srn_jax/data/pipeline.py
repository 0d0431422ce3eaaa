"""From a source to batches: endless, shuffled and augmented for training; fixed for evaluation."""

from collections.abc import Iterator
from dataclasses import dataclass

import grain
import jax
import numpy as np
from jaxtyping import Float, UInt8

from srn_jax import geometry
from srn_jax.config import Data, Geometry
from srn_jax.data.augment import jitter_color
from srn_jax.data.sources import Photographs
from srn_jax.pictures import crop_and_resize


def training_batches(
    photographs: Photographs, data: Data, canvas: geometry.Size, seed: int, start: int
) -> Iterator[UInt8[np.ndarray, "b h w 3"]]:
    """Returns batches of RGB crops from number `start` on; the n-th batch of a seed is always the same.

    Nothing needs to be saved to resume: a batch is a function of the seed and its number.
    """

    def cut(picture, rng: np.random.Generator) -> np.ndarray:
        place = (rng.uniform(), rng.uniform())
        crop = crop_and_resize(picture, canvas, rng.uniform(*data.scale), place)
        crop = jitter_color(crop, data.color, rng)
        array = np.asarray(crop)
        return array[:, ::-1] if rng.uniform() < data.flip else array

    endless = grain.MapDataset.source(photographs).seed(seed).shuffle().repeat(None).random_map(cut)
    batches = endless.batch(data.batch)[start:]
    options = grain.ReadOptions(num_threads=data.threads, prefetch_buffer_size=data.prefetch)
    return iter(batches.to_iter_dataset(options))


@dataclass(frozen=True)
class HeldOut:
    """Held-out crops with their masks, the same in every evaluation of a configuration."""

    images: UInt8[np.ndarray, "n h w 3"]
    masks: Float[np.ndarray, "n h w 1"]

    def spread(self, count: int) -> "HeldOut":
        """Returns `count` of the crops (all, if there are fewer), spread over all of them."""
        chosen = np.unique(np.linspace(0, len(self.images) - 1, min(count, len(self.images))).round().astype(int))
        return HeldOut(self.images[chosen], self.masks[chosen])


def held_out_crops(photographs: Photographs, data: Data, window: Geometry) -> HeldOut:
    """Returns `data.held_out_crops` crops of each held-out photograph at each of `data.held_out_scales`.

    Places are spread evenly; where margins are random, each crop's are drawn from its number alone.
    """
    crops = []
    for picture in photographs.readable():
        for scale in data.held_out_scales:
            for number in range(data.held_out_crops):
                down = (number + 0.5) / data.held_out_crops
                across = (0.5 + number * 0.618034) % 1.0  # the golden ratio leaves no column out
                crops.append(np.asarray(crop_and_resize(picture, window.canvas, scale, (down, across))))
    keys = jax.random.split(jax.random.key(0), len(crops))
    offset = geometry.draw_offsets(window.margins, keys, window.canvas, window.known)
    masks = geometry.unknown_mask(offset, window.canvas, window.known)
    return HeldOut(np.stack(crops), np.asarray(masks))
