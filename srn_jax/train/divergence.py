"""How a run ends that has diverged, by a metric that is not finite or by its pictures: with no checkpoint since."""

import json
import math

import jax

from srn_jax.train import hosts
from srn_jax.train.checkpoint import Checkpoints
from srn_jax.train.sharding import FINITE
from srn_jax.train.step import Metrics

# By which held-out PSNR never falls while reconstruction learns, painted by averaged parameters. A run at too high a
# rate fell by 4.8 within 2,000 steps, its losses finite, and 14,000 more did not bring that back.
_COLLAPSE_DB = 3.0


class DivergedError(RuntimeError):
    """A loss stopped being finite, or the generator collapsed; the message names the step, what, and a checkpoint."""


def diverged(number: int, what: str, checkpoints: Checkpoints) -> DivergedError:
    """Returns what to raise at step `number`, after which nothing may be saved, once what is being saved is."""
    checkpoints.wait()
    return DivergedError(f"step {number}: {what}; {last_good(checkpoints)}")


def refuse_collapse(number: int, psnr: float, checkpoints: Checkpoints) -> None:
    """Raises DivergedError if the held-out PSNR at step `number` of the reconstruction phase is far below the best.

    The adversarial phase gives PSNR away for texture. All hosts call alike, with the first one's `psnr`.
    """
    best, where = json.loads(hosts.broadcast(json.dumps(checkpoints.best)))
    if psnr < best - _COLLAPSE_DB:
        raise DivergedError(
            f"step {number}: held-out PSNR has fallen from {best:.2f} to {psnr:.2f} dB, and a generator that has "
            f"collapsed hardly ever recovers; begin another run with --config.run.start_from={where} and a smaller "
            f"learning rate"
        )


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
