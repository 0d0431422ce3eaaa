"""How a run ends that has diverged: with the first step whose metrics are not finite, and no checkpoint since."""

import math

import jax

from srn_jax.train.checkpoint import Checkpoints
from srn_jax.train.sharding import FINITE
from srn_jax.train.step import Metrics


class DivergedError(RuntimeError):
    """A loss stopped being finite; the message names the step, the terms and the last good checkpoint."""


def diverged(number: int, what: str, checkpoints: Checkpoints) -> DivergedError:
    """Returns what to raise at step `number`, after which nothing may be saved, once what is being saved is."""
    checkpoints.wait()
    return DivergedError(f"step {number}: {what}; {last_good(checkpoints)}")


def last_good(checkpoints: Checkpoints) -> str:
    """Returns which checkpoint to go on from, in words."""
    newest = checkpoints.newest
    return f"the last good checkpoint is {newest}" if newest else "no checkpoint had been saved yet"


def first_bad(steps: list[tuple[int, Metrics]]) -> tuple[int, str] | None:
    """Returns the first of numbered steps that has a metric that is not finite, and those metrics in words, if any.

    Waits for the devices; fetches one number a step.
    """
    finite = jax.device_get([metrics[FINITE] for _, metrics in steps])
    for (number, metrics), holds in zip(steps, finite, strict=True):
        if not holds:
            bad = {name: value for name, value in values_of(metrics).items() if not math.isfinite(value)}
            return number, ", ".join(f"{name} is {value}" for name, value in bad.items())
    return None


def values_of(metrics: Metrics) -> dict[str, float]:
    """Returns a compiled step's metrics as numbers."""
    return {name: float(value) for name, value in jax.device_get(metrics).items() if name != FINITE}
