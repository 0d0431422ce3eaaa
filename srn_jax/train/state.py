"""What a run consists of: the networks that a configuration names, and the state that a step maps to the next."""

from dataclasses import dataclass
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax import struct
from jaxtyping import Array, Key, PyTree

from srn_jax import config as settings
from srn_jax.errors import pick
from srn_jax.models import vgg19
from srn_jax.models.critics import CRITICS
from srn_jax.models.generators import GENERATORS
from srn_jax.models.parameters import Params
from srn_jax.train import optimizer, precision

Leaf = Any  # an array, or its jax.ShapeDtypeStruct where a state is described only
Moments = PyTree  # an optimizer's state


@dataclass(frozen=True)
class Networks:
    """The modules of one configuration; their parameters live in `TrainState`, VGG-19's beside it."""

    generator: nn.Module
    critics: dict[str, nn.Module]
    vgg: vgg19.VGG19
    adam: optax.GradientTransformationExtraArgs


class TrainState(struct.PyTreeNode):
    """Everything that a run needs to go on, bit for bit; its leaves are arrays, or what describes them."""

    step: Leaf  # int32, generator updates done, over all phases
    updates: Leaf  # int32, Adam updates of all networks in this phase
    key: Leaf  # the run's; never changes, steps fold their number into it
    params: Params  # the generator's
    average: Params  # its exponential moving average
    critics: dict[str, Params]
    adam_generator: Moments
    adam_critics: Moments


def build_generator(config: settings.Config) -> nn.Module:
    """Returns the generator that a resolved configuration names."""
    module = pick(GENERATORS, config.model.name, "model.name")
    return module.from_settings(config.model, settings.ratio(config.geometry))


def build_networks(config: settings.Config) -> Networks:
    """Returns the modules that a resolved configuration names."""
    return Networks(
        generator=build_generator(config),
        critics={name: pick(CRITICS, name, "critic.names")(width=config.critic.width) for name in config.critic.names},
        vgg=vgg19.VGG19(
            layers=settings.feature_layers(config.loss),
            dtype=pick(precision.DTYPES, config.compute.dtype, "compute.dtype"),
        ),
        adam=optimizer.build(config.adam),
    )


def init_state(key: Key[Array, ""], config: settings.Config, networks: Networks) -> TrainState:
    """Returns the state at step 0; a pure function, for jit with output shardings or `jax.eval_shape`."""
    image = jnp.zeros((1, *config.geometry.canvas, 3))
    mask = jnp.ones((1, *config.geometry.canvas, 1))
    key, generator_key, *critic_keys = jax.random.split(key, 2 + len(networks.critics))
    params = networks.generator.init(generator_key, image, mask)["params"]
    critics = {
        name: critic.init(critic_key, image, mask)["params"]
        for (name, critic), critic_key in zip(networks.critics.items(), critic_keys, strict=True)
    }
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        updates=jnp.zeros((), jnp.int32),
        key=key,
        params=params,
        average=params,
        critics=critics,
        adam_generator=networks.adam.init(params),
        adam_critics=networks.adam.init(critics),
    )


def begin_phase(state: TrainState, networks: Networks) -> TrainState:
    """Returns the state with optimizers as new: a phase takes over weights alone, as the release's second run does."""
    return state.replace(
        updates=jnp.zeros((), jnp.int32),
        adam_generator=networks.adam.init(state.params),
        adam_critics=networks.adam.init(state.critics),
    )
