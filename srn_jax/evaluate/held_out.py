"""Judging a generator in training: on held-out crops that are all in memory, beside the fills that need no learning."""

import numpy as np
from jaxtyping import UInt8

from srn_jax.data.pipeline import HeldOut
from srn_jax.evaluate import metrics
from srn_jax.evaluate.fills import FILLS
from srn_jax.evaluate.summary import EXACT_DB
from srn_jax.generators.generator import Generator
from srn_jax.infer import extrapolate

Images = UInt8[np.ndarray, "n h w 3"]
COLUMNS = ("psnr_unknown", "ssim_unknown", "psnr", "ssim")


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


def mean_scores(completed: Images, held_out: HeldOut) -> dict[str, float]:
    """Returns the means over the crops of `metrics.scores`, on 8-bit pictures.

    A crop that is met exactly counts as 100 dB; one whose unknown region is too thin for SSIM does not count there.
    """
    rows = [
        metrics.scores(np.float32(made) / 255, np.float32(truth) / 255, mask)
        for made, truth, mask in zip(completed, held_out.images, held_out.masks, strict=True)
    ]
    return {name: float(np.nanmean([np.minimum(row[name], EXACT_DB) for row in rows])) for name in COLUMNS}


def format_table(scores: dict[str, dict[str, float]]) -> str:
    """Returns scores by system as a Markdown table; PSNR in dB, the higher the better everywhere."""
    lines = [
        "| system | PSNR unknown (dB) | SSIM unknown | PSNR canvas (dB) | SSIM canvas |",
        "|---|---|---|---|---|",
    ]
    for system, row in scores.items():
        cells = [f"{row[name]:.2f}" if name.startswith("psnr") else f"{row[name]:.3f}" for name in COLUMNS]
        lines.append(f"| {system} | {' | '.join(cells)} |")
    return "\n".join(lines)
