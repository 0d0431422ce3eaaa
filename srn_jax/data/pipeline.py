"""From a source to batches: endless, shuffled and augmented for training; fixed for evaluation."""

import math
import os
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import grain
import jax
import numpy as np
from absl import flags
from jaxtyping import Float, UInt8
from PIL import Image

from srn_jax import geometry
from srn_jax.config import AUTO, Data, Geometry
from srn_jax.data.augment import jitter_color
from srn_jax.data.crops import CROPS
from srn_jax.data.photographs import Count, Found, Photographs, Pictures, Unreadable, spread
from srn_jax.errors import pick

_THREADS = 4  # of a process: more gain little


class Cut(NamedTuple):
    """Pixels, and the pictures that were passed over on the way to them."""

    pixels: UInt8[np.ndarray, "*b h w 3"]
    skipped: tuple[Unreadable, ...]


def decoder(pictures: Pictures, data: Data, canvas: geometry.Size) -> Photographs:
    """Returns the photographs behind `pictures`, decoded no larger than `data` needs them."""
    crop, smallest = pick(CROPS, data.crop, "data.crop"), min(data.scale[0], *data.held_out_scales)
    at_least = (math.ceil(canvas[0] / smallest), math.ceil(canvas[1] / smallest))
    return Photographs(pictures, at_least if crop.resizes else None)


def training_batches(
    photographs: Photographs,
    data: Data,
    canvas: geometry.Size,
    *,
    seed: int,
    start: int,
    group: int,
    part: tuple[int, int] = (0, 1),
) -> grain.IterDataset:
    """Returns groups of batches as `Cut`s [group, b, h, w, 3]; the n-th batch of a seed is always the same.

    Nothing needs to be saved to resume, and nothing is read again: a batch is a function of the seed and its number,
    whatever the number of threads, worker processes and hosts.

    Args:
      start: number of the first batch.
      group: how many batches are stacked, those of one step.
      part: (p, n): the p-th of n equal parts of every batch, for the p-th of n processes.
    """
    process, processes = part
    size = data.batch // processes
    # What is drawn for a picture hangs on its place in the endless order, so all of it comes before the parting.
    endless = grain.MapDataset.source(photographs).seed(seed).shuffle().repeat(None)
    cuts = endless.random_map(partial(_cut, data=data, canvas=canvas))
    parts = cuts.batch(size, drop_remainder=True, batch_fn=list)[start * processes + process :: processes]
    steps = parts.batch(group, drop_remainder=True, batch_fn=_stack)
    threads, workers = readers(data)
    read = steps.to_iter_dataset(grain.ReadOptions(num_threads=threads, prefetch_buffer_size=data.prefetch))
    if not workers:
        return read
    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()  # grain's workers ask flags that only absl programs have parsed
    return read.mp_prefetch(grain.MultiprocessingOptions(num_workers=workers), _start_worker)


def readers(data: Data) -> tuple[int, int]:
    """Returns how many threads read pictures in each process that does, and how many processes beside this one.

    What the settings leave to the machine follows from its cores: threads while they are few, since these start at
    once and share memory; of many, a process for each four, since Python lets one thread of a process on at a time.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = (cores // _THREADS if cores > 2 * _THREADS else 0) if data.workers == AUTO else data.workers
    return (min(_THREADS, data.prefetch) if data.threads == AUTO else data.threads), workers


def _start_worker(index: int, count: int) -> None:
    """Makes a worker live exactly as long as the run: signals to all of a job's processes are the run's to answer."""
    del index, count
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)

    def end_with(parent: int) -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)  # the run was killed

    threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()


def _cut(found: Found, rng: np.random.Generator, *, data: Data, canvas: geometry.Size) -> Cut:
    place = (rng.uniform(), rng.uniform())
    crop = CROPS[data.crop].cut(found.picture, canvas, rng.uniform(*data.scale), place)
    colored = jitter_color(crop, data.color, rng)
    turned = colored.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.uniform() < data.flip else colored
    return Cut(np.asarray(turned), found.skipped)


def _stack(batches: Sequence[Sequence[Cut]]) -> Cut:
    """Returns a step's batches as one: stacked once, since copies are a good part of the work."""
    cuts = [cut for batch in batches for cut in batch]
    pixels = np.stack([cut.pixels for cut in cuts])
    return Cut(pixels.reshape(len(batches), -1, *pixels.shape[1:]), tuple(name for cut in cuts for name in cut.skipped))


@dataclass(frozen=True)
class HeldOut:
    """Held-out crops with their masks, the same in every evaluation of a configuration."""

    images: UInt8[np.ndarray, "n h w 3"]
    masks: Float[np.ndarray, "n h w 1"]

    def spread(self, count: int) -> "HeldOut":
        """Returns `count` of the crops (all, if there are fewer), spread over all of them."""
        chosen = spread(len(self.images), count)
        return HeldOut(self.images[chosen], self.masks[chosen])


def held_out_crops(photographs: Photographs, data: Data, window: Geometry, count: Count) -> HeldOut:
    """Returns `data.held_out_crops` crops of each held-out photograph at each of `data.held_out_scales`.

    Places are spread evenly; where the placement is random, each crop's are drawn from its number alone.
    """
    cut, crops = pick(CROPS, data.crop, "data.crop").cut, []
    for picture in photographs.readable(count, data.held_out_limit):
        for scale in data.held_out_scales:
            for number in range(data.held_out_crops):
                down = (number + 0.5) / data.held_out_crops
                across = (0.5 + number * 0.618034) % 1.0  # the golden ratio leaves no column out
                crops.append(np.asarray(cut(picture, window.canvas, scale, (down, across))))
    keys = jax.random.split(jax.random.key(0), len(crops))
    masks = geometry.draw_masks(window.placement, keys, window.canvas, window.known)
    return HeldOut(np.stack(crops), np.asarray(masks))
