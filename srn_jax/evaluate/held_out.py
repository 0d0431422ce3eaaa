"""Judging a generator in training: on held-out crops that are all in memory, beside the fills that need no learning."""

import numpy as np
from jaxtyping import UInt8

from srn_jax.data.pipeline import HeldOut
from srn_jax.evaluate import metrics, summary
from srn_jax.evaluate.fills import FILLS
from srn_jax.generators.generator import Generator
from srn_jax.infer import extrapolate

Images = UInt8[np.ndarray, "n h w 3"]


def complete(generator: Generator, held_out: HeldOut, batch: int = 16) -> Images:
    """Returns the held-out crops as `extrapolate` completes them, `batch` at a time: one compilation."""
    count, completed = len(held_out.images), []
    size = min(batch, count)
    for start in range(0, count, size):
        chosen = np.arange(start, start + size).clip(max=count - 1)  # the last batch is padded with the last crop
        completed.append(extrapolate(generator, held_out.images[chosen], held_out.masks[chosen]))
    return np.concatenate(completed)[:count]


def fill(name: str, held_out: HeldOut) -> Images:
    """Returns the held-out crops completed by a fill named in `fills.FILLS`."""
    return np.stack([FILLS[name](image, mask) for image, mask in zip(held_out.images, held_out.masks, strict=True)])


def mean_scores(completed: Images, held_out: HeldOut) -> dict[str, summary.Mean]:
    """Returns the means of the crops' scores, as the program that judges has them."""
    pictures = zip(completed, held_out.images, held_out.masks, strict=True)
    return summary.means([metrics.in_numbers(metrics.scores_of_bytes(*picture)) for picture in pictures])
