"""What a run writes at a step: scalars, held-out scores, strips, a checkpoint."""

import json
from dataclasses import dataclass

import jax

from srn_jax.config import Run as RunSettings
from srn_jax.errors import InputError
from srn_jax.evaluate import held_out as judging
from srn_jax.evaluate import sheets, summary
from srn_jax.generators.generator import Generator
from srn_jax.train import hosts
from srn_jax.train.checkpoint import METRIC, Checkpoints
from srn_jax.train.divergence import diverged, last_good, refuse_collapse, values_of
from srn_jax.train.log import Log
from srn_jax.train.progress import Clock, say
from srn_jax.train.setup import Setup
from srn_jax.train.state import TrainState
from srn_jax.train.step import Metrics

_STRIPS = 6  # held-out pictures in each strip image


@dataclass(frozen=True)
class Due:
    """What is written at a step."""

    logged: bool
    evaluated: bool
    pictured: bool
    saved: bool

    def __bool__(self) -> bool:
        return self.logged or self.evaluated or self.pictured or self.saved


def due_at(number: int, last: int, settings: RunSettings) -> Due:
    """Returns what is written at step `number` of a phase that ends at `last`."""

    def every(steps: int) -> bool:
        return number % steps == 0 or number == last

    saved = every(settings.save_every_steps)
    return Due(
        logged=every(settings.log_every_steps),
        # A checkpoint without scores is never the best, and one that paints NaN is none.
        evaluated=number % settings.evaluate_every_steps == 0 or saved,
        pictured=every(settings.image_every_steps),
        saved=saved,
    )


@dataclass(frozen=True)
class Recorder:
    """Writes to a run's folder; all hosts call alike.

    Attributes:
      log: the first host's; None on the others.
    """

    setup: Setup
    checkpoints: Checkpoints
    log: Log | None

    def record(self, number: int, due: Due, state: TrainState, metrics: Metrics, clock: Clock) -> None:
        """Writes what is due at step `number`, whose metrics are finite.

        Raises:
          DivergedError: the parameters paint NaN, or have collapsed.
        """
        values, scores, held_out = {}, None, self.setup.data.held_out
        if due.logged:
            values = values_of(metrics)
            self._tell_of_no_gradient(number, values)
        if due.evaluated:
            try:
                completed = judging.complete(self.generator(state), held_out)
            except InputError as error:  # finite losses, but parameters beyond all bounds
                raise diverged(number, str(error), self.checkpoints) from error
            means = judging.mean_scores(completed, held_out)
            # The first host's: all must agree on which checkpoint is the best.
            scores = json.loads(hosts.broadcast(json.dumps({name: means[name].mean for name in summary.OF_A_RUN})))
            say(f"step {number}: held-out PSNR of the unknown region {scores[METRIC]:.2f} dB")
        if due:
            with hosts.agreeing():
                if self.log and due.logged:
                    self.log.scalars(number, values | clock.metrics())
                if self.log and scores:
                    self.log.scalars(number, {f"held_out/{name}": value for name, value in scores.items()})
                if self.log and due.pictured:
                    few = held_out.spread(_STRIPS)
                    painted = judging.complete(self.generator(state), few)
                    self.log.strips(number, sheets.strips(painted, few.images, few.masks))
        if scores and number <= self.setup.config.reconstruction.steps:
            refuse_collapse(number, scores[METRIC], self.checkpoints)
        if due.saved:
            self.checkpoints.save(state, self.generator(state), scores)

    def _tell_of_no_gradient(self, number: int, values: dict[str, float]) -> None:
        if values["gradient_norm"] == 0.0:
            say(
                f"step {number}: the gradient is 0, since every painted pixel is clipped to black or white. A run "
                f"hardly ever recovers from that: begin again with a smaller learning rate, or with adam.clip_norm; "
                f"{last_good(self.checkpoints)}"
            )

    def generator(self, state: TrainState) -> Generator:
        """Returns the averaged generator, on one device of this host."""
        window = self.setup.config.geometry
        params = jax.tree.map(lambda x: x.addressable_data(0), state.average)
        return Generator(params, self.setup.networks.generator, window.known, window.canvas, window.placement)
