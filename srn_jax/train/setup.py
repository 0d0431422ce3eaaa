"""What a run needs before its first step, made and checked as a whole before anything is written."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import google_crc32c
import jax
import jax.numpy as jnp
import numpy as np
from absl import logging
from clu import parameter_overview
from jaxtyping import Array, Key

from srn_jax.config import Config, feature_layers
from srn_jax.data.photographs import Count, Photographs
from srn_jax.data.pipeline import HeldOut, decoder, held_out_crops
from srn_jax.data.sources import SOURCES
from srn_jax.errors import pick
from srn_jax.pictures.folders import check_outside
from srn_jax.programs import files
from srn_jax.train import hosts, sharding, workdir
from srn_jax.train.start import start_from
from srn_jax.train.state import Networks, TrainState, build_networks, init_state
from srn_jax.train.step import Step, build_steps
from srn_jax.vgg import load as load_vgg


@dataclass(frozen=True)
class TrainingData:
    """Photographs to train on and crops to judge by.

    Attributes:
      count: of the training pictures that do not decode, over all phases.
      prints: what tells the two collections from others.
    """

    photographs: Photographs
    count: Count
    held_out: HeldOut
    prints: dict[str, str]


@dataclass(frozen=True)
class Setup:
    """A run that could begin.

    Attributes:
      steps: the phases' steps, in order.
      inputs: what tells photographs and filters from others, by their part in the run.
      vgg: VGG-19's parameters on every device; {} where no phase needs them.
      state: the state of step 0; its shapes alone where the folder has a checkpoint to go on from.
      started: where its weights come from, in words; "" if they are as drawn.
    """

    config: Config
    mesh: jax.sharding.Mesh
    networks: Networks
    steps: list[Step]
    data: TrainingData
    inputs: dict[str, str]
    vgg: Any
    state: TrainState
    started: str


def prepare(config: Config, folder: Path) -> Setup:
    """Returns what the run of a resolved configuration in `folder` needs; writes nothing. All hosts call it alike.

    Raises:
      InputError: the data, the weights or the number of devices do not fit, on this host or another; hosts differ; the
        folder is another run's.
    """
    sharding.check_devices()
    with hosts.agreeing():
        _check_apart(config, folder)
    hosts.same_everywhere([f"workdir={folder}", *_shared_settings(config)], "settings")
    mesh = sharding.build_mesh(config.data.batch, config.compute.accumulate)
    with hosts.agreeing():
        networks = build_networks(config)
        steps = build_steps(config, networks, axis_name=sharding.AXIS)
        for step in steps:
            sharding.compile_step(step, mesh)  # looks its variants up; compiles when it is called
    continued = workdir.has_checkpoint(folder)
    state = _init(config, networks, mesh, drawn=not continued)
    with hosts.agreeing():
        started = ""
        if config.run.start_from and not continued:
            state, taken = start_from(config.run.start_from, state, networks.generator)
            started = f"starting from {config.run.start_from}: {taken}"
            if len(steps) > 1:
                started += "; Adam starts afresh with the second phase"
        data = _read_data(config)
        parameters = _load_vgg(config, networks, steps)
        inputs = data.prints | {"vgg": _fingerprint(parameters)}
        if hosts.is_first():
            workdir.check(folder, config, inputs)
    weights = f"started with {_fingerprint(state.params) if started else 'nothing'}"
    hosts.same_everywhere([f"{name}: {text}" for name, text in inputs.items()] + [weights], "pictures or weights")
    vgg = sharding.put_replicated(mesh, parameters)
    return Setup(config, mesh, networks, steps, data, inputs, vgg, state, started)


def describe(setup: Setup, folder: Path) -> str:
    """Returns what is trained, on what, and where it goes."""
    window, devices = setup.config.geometry, setup.mesh.devices
    processes = f" of {jax.process_count()} processes" if jax.process_count() > 1 else ""
    lines = [
        parameter_overview.get_parameter_overview(setup.state.params, include_stats=False),
        f"{len(setup.data.photographs):,} training pictures, {len(setup.data.held_out.images):,} held-out crops; "
        f"{window.known[0]}x{window.known[1]} -> {window.canvas[0]}x{window.canvas[1]} on {devices.size} x "
        f"{devices.flat[0].device_kind}{processes}; workdir {folder}",
    ]
    return "\n".join([*lines, *([setup.started] if setup.started else [])])


def _check_apart(config: Config, folder: Path) -> None:
    """Raises InputError where the run's own pictures would be among those that it learns from."""
    if config.data.source in ("embedded", "tfds"):  # which look through no folder
        return
    for setting in ("path", "held_out_path"):
        if given := getattr(config.data, setting):
            check_outside(folder, files.expand(given, f"data.{setting}"), "--workdir", f"data.{setting}")


def _shared_settings(config: Config) -> list[str]:
    """Returns the settings that must be the same on all hosts."""
    settings, own = workdir.flatten(dataclasses.asdict(config)), (*workdir.READING, "run.start_from")
    return [f"{name}={value!r}" for name, value in settings.items() if name not in own]


def _fingerprint(parameters: Any) -> str:
    """Returns a checksum of arrays, "none" where there are none."""
    checksum = google_crc32c.Checksum()
    for leaf in jax.tree.leaves(parameters):
        checksum.update(np.ascontiguousarray(leaf).tobytes())
    return checksum.hexdigest().decode() if parameters else "none"


def _init(config: Config, networks: Networks, mesh: jax.sharding.Mesh, *, drawn: bool) -> TrainState:
    """Returns the state of step 0; if it need not be drawn its shapes alone, for which nothing is compiled."""
    key, everywhere = jax.random.key(config.run.seed), sharding.replicated(mesh)

    def init(key: Key[Array, ""]) -> TrainState:
        return init_state(key, config, networks)

    if not drawn:
        shapes = jax.eval_shape(init, key)
        return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=everywhere), shapes)
    # It runs once: compiled in a third of the time.
    return jax.jit(init, out_shardings=everywhere, compiler_options={"xla_backend_optimization_level": 0})(key)


def _read_data(config: Config) -> TrainingData:
    source = pick(SOURCES, config.data.source, "data.source")
    training, judging = source(config.data)
    allowed, canvas = config.run.max_unreadable, config.geometry.canvas
    return TrainingData(
        decoder(training, config.data, canvas),
        Count(len(training), allowed),
        held_out_crops(
            decoder(judging, config.data, canvas), config.data, config.geometry, Count(len(judging), allowed)
        ),
        {"training": training.fingerprint(), "held_out": judging.fingerprint()},
    )


def _load_vgg(config: Config, networks: Networks, steps: list[Step]) -> Any:
    """Returns VGG-19's parameters; {} where no phase needs them."""
    layers = feature_layers(config.loss)
    if not any(feature_layers(step.loss) for step in steps):
        return {}
    if config.loss.vgg == "random":
        logging.warning(
            "the loss compares features of a VGG-19 with random filters: good for trying the program out, not for "
            "training: such features know edges at best, no textures or objects. Set loss.vgg to a file of weights"
        )
        return networks.vgg.init(jax.random.key(0), jnp.zeros((1, 32, 32, 3)))["params"]
    return jax.tree.map(np.asarray, load_vgg(config.loss.vgg, layers))
