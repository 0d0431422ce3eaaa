"""A run from its first step, or its newest checkpoint, to its last."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import logging
from clu import parameter_overview
from tqdm import tqdm

from srn_jax import evaluate
from srn_jax.config import Config, feature_layers
from srn_jax.data.pipeline import HeldOut, held_out_crops, training_batches
from srn_jax.data.sources import SOURCES, Photographs
from srn_jax.errors import InputError
from srn_jax.generator import Generator
from srn_jax.tables import pick
from srn_jax.train import sharding, workdir
from srn_jax.train.checkpoint import METRIC, Checkpoints, shapes_of
from srn_jax.train.interrupt import Interrupt
from srn_jax.train.log import Log
from srn_jax.train.start import start_from
from srn_jax.train.state import Networks, TrainState, begin_phase, build_networks, init_state
from srn_jax.train.step import Step, build_steps
from srn_jax.vgg import load as load_vgg

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
    """What the loop's paragraphs share."""

    config: Config
    networks: Networks
    mesh: jax.sharding.Mesh
    vgg: Any
    photographs: Photographs
    held_out: HeldOut
    checkpoints: Checkpoints
    log: Log
    interrupt: Interrupt


def train(config: Config, folder: Path) -> Outcome:
    """Runs, or continues, the training that a resolved configuration describes, in `folder`.

    Raises:
      InputError: the data, the weights, the folder or the number of devices do not fit.
      DivergedError: a loss was not finite.
    """
    mesh = sharding.build_mesh(config.data.batch)
    networks = build_networks(config)
    steps = build_steps(config, networks, sharding.AXIS)
    init = jax.jit(
        lambda key: init_state(key, config, networks),
        out_shardings=sharding.replicated(mesh),
        compiler_options={"xla_backend_optimization_level": 0},  # it runs once: compiled in a third of the time
    )
    state = init(jax.random.key(config.run.seed))
    started = ""
    if config.run.start_from and not workdir.has_checkpoint(folder):
        state, taken = start_from(config.run.start_from, state, networks.generator)
        started = f"starting from {config.run.start_from}: {taken}"
        if len(steps) > 1:
            started += "; Adam starts afresh with the second phase"
    source = pick(SOURCES, config.data.source, "data.source")
    photographs, held_out_photographs = source(config.data, config.run.max_unreadable)
    held_out = held_out_crops(held_out_photographs, config.data, config.geometry)
    vgg = _load_vgg(config, networks, steps, mesh)
    prints = {"training": photographs.fingerprint(), "held_out": held_out_photographs.fingerprint()}
    workdir.claim(folder, config, prints)  # from here on the settings fit, and files are written
    checkpoints = Checkpoints(folder, config.run)
    _report(config, state, photographs, held_out, folder)
    if started:
        tqdm.write(started)
    restored = checkpoints.restore(shapes_of(state))
    if restored is not None:
        state = restored
        tqdm.write(f"continuing from step {int(state.step)}, {checkpoints.newest}")
    log = Log(folder, int(state.step))
    try:
        with Interrupt() as interrupt:
            run = _Run(config, networks, mesh, vgg, photographs, held_out, checkpoints, log, interrupt)
            for number, step in enumerate(steps, start=1):
                if not interrupt.requested and int(state.step) < step.first_step + step.phase.steps:
                    state = _train_phase(run, step, state, f"phase {number} of {len(steps)}")
            checkpoints.save(state, _generator(run, state), None)
    finally:
        checkpoints.close()
        log.close()
    finished = int(state.step) == sum(step.phase.steps for step in steps)
    return Outcome(_generator(run, state), held_out, None if finished else interrupt.requested, checkpoints.newest)


def _train_phase(run: _Run, step: Step, state: TrainState, label: str) -> TrainState:
    """Returns the state at the phase's end, or where an interrupt stopped it."""
    number, last = int(state.step), step.first_step + step.phase.steps
    if number == step.first_step and number > 0:
        state = jax.jit(lambda s: begin_phase(s, run.networks), out_shardings=sharding.replicated(run.mesh))(state)
    batches = training_batches(
        run.photographs,
        run.config.data,
        run.config.geometry.canvas,
        run.config.run.seed,
        start=step.first_step + (number - step.first_step) * step.batches,  # reconstruction takes one a step
    )
    images = _next_images(run, batches, step.batches)
    kind = "adversarial" if step.critic_updates or feature_layers(step.loss) else "reconstruction"
    images_per_step = step.batches * run.config.data.batch
    tqdm.write(f"{label}, {kind}: compiling ...")
    compiled, started = sharding.compile_step(step, run.mesh), time.perf_counter()
    bar = None
    while number < last and not run.interrupt.requested:
        state, metrics = compiled(state, images, run.vgg)
        number += 1
        if number < last:
            images = _next_images(run, batches, step.batches)  # while the devices are at work
        values = _finite_values(run, number, metrics)
        if bar is None:  # the first step compiles: its time would spoil the rate
            tqdm.write(f"{label}, {kind}: compiled and first step done in {time.perf_counter() - started:.1f} s")
            bar = _progress_bar(f"{label}, {kind}", (last - number + 1) * images_per_step, images_per_step)
        else:
            bar.update(images_per_step)
        bar.set_postfix(step=number, loss=f"{values['total']:.4f}", refresh=False)
        _report_step(run, number, number == last, state, values, bar)
    if bar is not None:
        bar.close()
    return state


def _next_images(run: _Run, batches: Iterator[np.ndarray], count: int) -> jax.Array:
    return sharding.put_images(run.mesh, [next(batches) for _ in range(count)])


def _finite_values(run: _Run, number: int, metrics: dict[str, jax.Array]) -> dict[str, float]:
    """Returns a step's metrics as numbers; raises DivergedError where one is not finite."""
    values = {name: float(value) for name, value in jax.device_get(metrics).items()}
    bad = [name for name, value in values.items() if not math.isfinite(value)]
    if bad:
        raise _diverged(run, number, ", ".join(f"{name} is {values[name]}" for name in bad))
    return values


def _diverged(run: _Run, number: int, what: str) -> DivergedError:
    run.checkpoints.wait()
    newest = run.checkpoints.newest
    where = f"the last good checkpoint is {newest}" if newest else "no checkpoint had been saved yet"
    return DivergedError(f"step {number}: {what}; {where}")


def _report_step(run: _Run, number: int, last: bool, state: TrainState, values: dict[str, float], bar: tqdm) -> None:
    """Writes what is due at this step: scalars, held-out scores, strips, a checkpoint."""
    settings, scores = run.config.run, None
    if number % settings.log_every_steps == 0 or last:
        rate = bar.format_dict["rate"]
        run.log.scalars(number, values | ({"images_per_second": rate} if rate else {}))
    saved = number % settings.save_every_steps == 0 or last
    pictured = number % settings.image_every_steps == 0 or last
    # A checkpoint without scores is never the best, and one that paints NaN is none.
    evaluated = number % settings.evaluate_every_steps == 0 or saved
    if evaluated or pictured:
        generator = _generator(run, state)
        if evaluated:
            try:
                completed = evaluate.complete(generator, run.held_out)
            except InputError as error:  # finite losses, but parameters beyond all bounds
                raise _diverged(run, number, str(error)) from error
            scores = evaluate.mean_scores(completed, run.held_out)
            run.log.scalars(number, {f"held_out/{name}": value for name, value in scores.items()})
            bar.write(f"step {number}: held-out PSNR of the unknown region {scores[METRIC]:.2f} dB")
        if pictured:
            few = run.held_out.spread(_STRIPS)
            run.log.strips(number, evaluate.strips(evaluate.complete(generator, few), few))
    if saved:
        run.checkpoints.save(state, _generator(run, state), scores)


def _generator(run: _Run, state: TrainState) -> Generator:
    """Returns the averaged generator, on one device."""
    window = run.config.geometry
    params = jax.tree.map(lambda x: x.addressable_data(0), state.average)
    return Generator(params, run.networks.generator, window.known, window.canvas, window.margins)


def _load_vgg(config: Config, networks: Networks, steps: list[Step], mesh: jax.sharding.Mesh) -> Any:
    """Returns VGG-19's parameters on every device; {} where no phase needs them."""
    layers = feature_layers(config.loss)
    if not any(feature_layers(step.loss) for step in steps):
        return {}
    if config.loss.vgg == "random":
        logging.warning(
            "the loss compares features of a VGG-19 with random filters: good for trying the program out, not for "
            "training: such features know edges at best, no textures or objects. Set loss.vgg to a file of weights"
        )
        parameters = networks.vgg.init(jax.random.key(0), jnp.zeros((1, 32, 32, 3)))["params"]
    else:
        parameters = load_vgg(config.loss.vgg, layers)
    return jax.device_put(parameters, sharding.replicated(mesh))


def _progress_bar(label: str, total: int, initial: int) -> tqdm:
    """Returns a bar that counts images: tqdm derives images/s and the time left."""
    bar = tqdm(desc=label, total=total, unit=" images", unit_scale=True, dynamic_ncols=True)
    if not bar.disable and not bar.fp.isatty():  # a log file wants few lines
        bar.mininterval = 10.0
    bar.update(initial)
    bar.start_t = bar.last_print_t = time.time()
    bar.initial = initial
    return bar


def _report(config: Config, state: TrainState, photographs: Photographs, held_out: HeldOut, folder: Path) -> None:
    """Prints what is trained, on what, and where it goes."""
    tqdm.write(parameter_overview.get_parameter_overview(state.params, include_stats=False))
    tqdm.write(
        f"{len(photographs)} training pictures, {len(held_out.images)} held-out crops; "
        f"{config.geometry.known[0]}x{config.geometry.known[1]} -> "
        f"{config.geometry.canvas[0]}x{config.geometry.canvas[1]} on {jax.local_device_count()} x "
        f"{jax.devices()[0].device_kind}; workdir {folder}"
    )
