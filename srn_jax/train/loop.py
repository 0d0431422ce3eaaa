"""A run from its first step, or its newest checkpoint, to its last."""

import contextlib
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

import jax
from tqdm import tqdm

from srn_jax.config import Config, feature_layers
from srn_jax.data.pipeline import HeldOut
from srn_jax.errors import InputError
from srn_jax.evaluate import held_out as judging
from srn_jax.evaluate import sheets, summary
from srn_jax.generators.generator import Generator
from srn_jax.programs import allocator
from srn_jax.train import hosts, sharding, workdir
from srn_jax.train.checkpoint import METRIC, Checkpoints, shapes_of
from srn_jax.train.feed import Feed
from srn_jax.train.interrupt import Interrupt
from srn_jax.train.log import Log
from srn_jax.train.setup import Setup, describe, prepare
from srn_jax.train.state import TrainState, begin_phase
from srn_jax.train.step import Step

_STRIPS = 6  # held-out pictures in each strip image


class DivergedError(RuntimeError):
    """A loss stopped being finite; the message names the step, the terms and the last good checkpoint."""


@dataclass(frozen=True)
class Outcome:
    """What a run ends with.

    Attributes:
      generator: the averaged generator.
      held_out: the crops that it is judged on.
      interrupted: the name of the signal that ended the run early, if one did.
      checkpoint: the newest checkpoint's folder.
    """

    generator: Generator
    held_out: HeldOut
    interrupted: str | None
    checkpoint: Path | None


@dataclass
class _Run:
    """What the loop's paragraphs share.

    Attributes:
      log: the first host's; None on the others.
      stopped: the signal by which any host was asked to stop; the same on all of them.
    """

    setup: Setup
    checkpoints: Checkpoints
    log: Log | None
    interrupt: Interrupt
    stopped: str | None = None


class _Rate:
    """Images a second of training alone: of steps and of the wait for pictures, not of evaluating and saving."""

    def __init__(self) -> None:
        self._images, self._seconds = 0, 0.0

    def add(self, images: int, seconds: float) -> None:
        """Counts a step, in seconds from the wait for its pictures to its metrics."""
        self._images, self._seconds = self._images + images, self._seconds + seconds

    def so_far(self) -> dict[str, float]:
        """Returns the metric; nothing before a step was counted."""
        return {"images_per_second": self._images / self._seconds} if self._images else {}


def train(config: Config, folder: Path) -> Outcome:
    """Runs, or continues, the training that a resolved configuration describes, in `folder`.

    On several hosts each calls it, after `hosts.connect`, with a folder that they share.

    Raises:
      InputError: the data, the weights or the number of devices do not fit; the folder is another run's, or in use; the
        disk is full; too many pictures are unreadable.
      DivergedError: a loss was not finite.
    """
    setup = prepare(config, folder)
    with contextlib.ExitStack() as stack:
        with hosts.agreeing():
            if hosts.is_first():
                stack.enter_context(workdir.claim(folder, setup.config, setup.inputs))
        _say(describe(setup, folder))
        checkpoints = stack.enter_context(contextlib.closing(Checkpoints(folder, setup.config.run)))
        try:
            return _train(setup, folder, checkpoints, stack)
        except OSError as error:  # writing the log: a full disk, or one that is gone
            raise InputError(f"{error.filename or folder}: {error.strerror or error}; {_last(checkpoints)}") from error


def _train(setup: Setup, folder: Path, checkpoints: Checkpoints, stack: contextlib.ExitStack) -> Outcome:
    state = setup.state
    restored = checkpoints.restore(shapes_of(state))
    if restored is not None:
        state = restored
        _say(f"continuing from step {int(state.step)}, {checkpoints.newest}")
    log = None
    with hosts.agreeing():
        if hosts.is_first():
            log = stack.enter_context(contextlib.closing(Log(folder, int(state.step))))
    run = _Run(setup, checkpoints, log, stack.enter_context(Interrupt()))
    for number, step in enumerate(setup.steps, start=1):
        if not run.stopped and int(state.step) < step.first_step + step.phase.steps:
            state = _train_phase(run, step, state, f"phase {number} of {len(setup.steps)}")
    checkpoints.save(state, _generator(run, state), None)
    with hosts.agreeing():
        checkpoints.wait()
    finished = int(state.step) == sum(step.phase.steps for step in setup.steps)
    return Outcome(_generator(run, state), setup.data.held_out, None if finished else run.stopped, checkpoints.newest)


def _train_phase(run: _Run, step: Step, state: TrainState, label: str) -> TrainState:
    """Returns the state at the phase's end, or where an interrupt stopped it."""
    setup = run.setup
    number, last = int(state.step), step.first_step + step.phase.steps
    if number == step.first_step and number > 0:
        begin = jax.jit(lambda s: begin_phase(s, setup.networks), out_shardings=sharding.replicated(setup.mesh))
        state = begin(state)
    kind = "adversarial" if step.critic_updates or feature_layers(step.loss) else "reconstruction"
    images_per_step = step.batches * setup.config.data.batch
    _say(f"{label}, {kind}: compiling ...")
    compiled, started = sharding.compile_step(step, setup.mesh), time.perf_counter()
    bar, rate, waited = None, _Rate(), 0.0
    start = step.first_step + (number - step.first_step) * step.batches  # reconstruction takes one a step
    with contextlib.ExitStack() as stack:
        feed = Feed(setup.data.photographs, setup.data.count, setup.config, setup.mesh, start, step.batches)
        stack.enter_context(contextlib.closing(feed))
        with hosts.agreeing():
            images = feed.next()
        while number < last and not run.stopped:
            step_started = time.perf_counter()
            state, metrics = compiled(state, images, setup.vgg)
            number += 1
            values = _finite_values(run, number, metrics)
            worked = time.perf_counter() - step_started
            feed.worked(worked)
            if bar is None:  # the first step compiles: its time would spoil the rate
                allocator.give_back_freed_memory()  # or the next phase's compiling would come on top of it
                _say(f"{label}, {kind}: compiled and first step done in {time.perf_counter() - started:.1f} s")
                bar = _progress_bar(f"{label}, {kind}", (last - number + 1) * images_per_step, images_per_step)
                stack.enter_context(bar)
                feed.waited_share()  # counts from here on
            else:
                bar.update(images_per_step)
                rate.add(images_per_step, waited + worked)
            bar.set_postfix(step=number, loss=f"{values['total']:.4f}", refresh=False)
            _report_step(run, number, number == last, state, values, rate, feed)
            waiting = time.perf_counter()
            with hosts.agreeing(lambda: run.interrupt.requested) as agreement:
                if number < last and not run.interrupt.requested:  # else nobody would look at them
                    images = feed.next()
            waited = time.perf_counter() - waiting
            run.stopped = agreement.wish
    return state


def _finite_values(run: _Run, number: int, metrics: dict[str, jax.Array]) -> dict[str, float]:
    """Returns a step's metrics as numbers; raises DivergedError where one is not finite."""
    values = {name: float(value) for name, value in jax.device_get(metrics).items()}
    bad = [name for name, value in values.items() if not math.isfinite(value)]
    if bad:
        raise _diverged(run, number, ", ".join(f"{name} is {values[name]}" for name in bad))
    return values


def _diverged(run: _Run, number: int, what: str) -> DivergedError:
    run.checkpoints.wait()
    return DivergedError(f"step {number}: {what}; {_last(run.checkpoints)}")


def _last(checkpoints: Checkpoints) -> str:
    newest = checkpoints.newest
    return f"the last good checkpoint is {newest}" if newest else "no checkpoint had been saved yet"


def _report_step(
    run: _Run, number: int, last: bool, state: TrainState, values: dict[str, float], rate: _Rate, feed: Feed
) -> None:
    """Writes what is due at this step: scalars, held-out scores, strips, a checkpoint."""
    settings, scores, held_out = run.setup.config.run, None, run.setup.data.held_out
    logged = number % settings.log_every_steps == 0 or last
    saved = number % settings.save_every_steps == 0 or last
    pictured = number % settings.image_every_steps == 0 or last
    # A checkpoint without scores is never the best, and one that paints NaN is none.
    evaluated = number % settings.evaluate_every_steps == 0 or saved
    if evaluated:
        try:
            completed = judging.complete(_generator(run, state), held_out)
        except InputError as error:  # finite losses, but parameters beyond all bounds
            raise _diverged(run, number, str(error)) from error
        means = judging.mean_scores(completed, held_out)
        scores = _first_host_s({name: means[name].mean for name in summary.OF_A_RUN})
        _say(f"step {number}: held-out PSNR of the unknown region {scores[METRIC]:.2f} dB")
    if logged and values["gradient_norm"] == 0.0:
        _say(
            f"step {number}: the gradient is 0, since every painted pixel is clipped to black or white. A run hardly "
            f"ever recovers from that: begin again with a smaller learning rate, or with adam.clip_norm; "
            f"{_last(run.checkpoints)}"
        )
    if logged or evaluated or pictured:
        with hosts.agreeing():
            if run.log and logged:
                run.log.scalars(number, values | rate.so_far() | {"data_wait_share": feed.waited_share()})
            if run.log and scores:
                run.log.scalars(number, {f"held_out/{name}": value for name, value in scores.items()})
            if run.log and pictured:
                few = held_out.spread(_STRIPS)
                run.log.strips(
                    number, sheets.strips(judging.complete(_generator(run, state), few), few.images, few.masks)
                )
    if saved:
        run.checkpoints.save(state, _generator(run, state), scores)


def _first_host_s(scores: dict[str, float]) -> dict[str, float]:
    """Returns the first host's scores: all must agree on which checkpoint is the best."""
    return json.loads(hosts.any_host(json.dumps(scores)) or "")


def _generator(run: _Run, state: TrainState) -> Generator:
    """Returns the averaged generator, on one device of this host."""
    window = run.setup.config.geometry
    params = jax.tree.map(lambda x: x.addressable_data(0), state.average)
    return Generator(params, run.setup.networks.generator, window.known, window.canvas, window.margins)


def _say(text: str) -> None:
    """Prints between progress bars, once for all hosts."""
    if hosts.is_first():
        tqdm.write(text)


def _progress_bar(label: str, total: int, initial: int) -> tqdm:
    """Returns a bar that counts images: tqdm derives images/s and the time left."""
    bar = tqdm(
        desc=label, total=total, unit=" images", unit_scale=True, dynamic_ncols=True, disable=not hosts.is_first()
    )
    if not bar.disable and not bar.fp.isatty():  # a log file wants few lines
        bar.mininterval = 10.0
    bar.update(initial)
    bar.start_t = bar.last_print_t = time.time()
    bar.initial = initial
    return bar
