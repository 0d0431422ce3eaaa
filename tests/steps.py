"""One step of either phase in small, over several devices: by plain descent, which shows gradients as they are."""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh

from srn_jax import config as settings
from srn_jax.train import sharding
from srn_jax.train.state import TrainState, begin_phase, build_networks
from srn_jax.train.step import Metrics, Step, build_steps
from tests import tiny, vgg_recipe

WIDTHS = (4, 4, 4, 4, 4)
VGG = jax.tree.map(jnp.asarray, vgg_recipe.parameters(3, WIDTHS))
DESCENT = optax.with_extra_args_support(optax.identity())


class Update(NamedTuple):
    """What one step makes of a state, and what it measures."""

    before: TrainState
    after: TrainState
    metrics: Metrics

    @property
    def moved(self) -> tuple[Any, Any]:
        """How the generator's and the critics' parameters move."""
        pairs = (self.after.params, self.after.critics), (self.before.params, self.before.critics)
        return jax.tree.map(lambda new, old: new - old, *pairs)


def build(devices: int, phase: int, *, adam: bool = False, **changes) -> tuple[Step, Mesh]:
    """Returns the step of a phase and its mesh; of one phase all tests take the same program, unless they change it."""
    rates = {} if adam else {"reconstruction__learning_rate": 0.1, "adversarial__learning_rate": 1e-3}
    losses = {"loss__lambda_mrf": 0.05, "loss__mrf_layers": ("conv1_2", "conv2_1"), "loss__lambda_adv": 0.1}
    config = settings.resolve(tiny.config(**{"data__batch": 8, **losses, **rates, **changes}))
    networks = build_networks(config)
    vgg = dataclasses.replace(networks.vgg, layers=config.loss.mrf_layers, widths=WIDTHS)
    networks = dataclasses.replace(networks, vgg=vgg, adam=networks.adam if adam else DESCENT)
    step = build_steps(config, networks, axis_name=sharding.AXIS)[phase]
    return step, Mesh(np.array(jax.devices()[:devices]), (sharding.AXIS,))


def inputs(step: Step, mesh: Mesh, noise: int = 128) -> tuple[TrainState, jax.Array]:
    """Returns a state, and images of one color each, which the known part gives away, under so much noise."""
    state = tiny.state(step.config, build_networks(step.config))
    if step.networks.adam is DESCENT:
        state = begin_phase(state, step.networks)
    shape = (step.batches, step.config.data.batch, *step.config.geometry.canvas, 3)
    rng = np.random.default_rng(7)
    color = rng.integers(30, 226, (*shape[:2], 1, 1, 3))
    images = np.clip(color + rng.integers(-noise, noise, shape), 0, 255).astype(np.uint8)
    return jax.device_put(state, sharding.replicated(mesh)), sharding.put_images(mesh, images)


@functools.cache
def compiled(devices: int, phase: int, **changes) -> tuple[Step, Mesh, sharding.CompiledStep]:
    """Returns what `build` does, and its program, which is traced once a process."""
    step, mesh = build(devices, phase, **changes)
    return step, mesh, sharding.compile_step(step, mesh)


@functools.cache
def update(devices: int, phase: int = 1, **changes) -> Update:
    """Returns one step, computed once a process; all its arrays are NumPy's."""
    step, mesh, program = compiled(devices, phase, **changes)
    state, images = inputs(step, mesh)
    before = jax.device_get(state.replace(key=None))
    after, metrics = program(state, images, sharding.put_replicated(mesh, VGG))
    assert bool(metrics.pop(sharding.FINITE))
    return Update(before, jax.device_get(after.replace(key=None)), jax.device_get(metrics))


def assert_close(actual: Any, expected: Any, tolerance: float) -> None:
    """Asserts that each array is off by no more than a part of its length."""
    for one, other in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        assert np.linalg.norm(one - other) <= tolerance * np.linalg.norm(other) + 1e-7
