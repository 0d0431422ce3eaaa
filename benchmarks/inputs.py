"""What all contestants are given: a configuration, parameters, pictures, and what a step draws; all from one seed."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.peer.weights import Arrays
from benchmarks.sizes import Sizes
from srn_jax import config as settings
from srn_jax.models import vgg19
from srn_jax.models.parameters import by_name
from srn_jax.train.state import build_networks, init_state
from srn_jax.train.step import Step, build_steps


def configuration(sizes: Sizes) -> settings.Config:
    """Returns the paper's configuration at these sizes, known part in the center, VGG-19 with random filters.

    Adam's epsilon is larger than the paper's, which takes no less time: with 1e-8 its first steps have the gradients'
    signs alone, even of those that are rounding, and two programs that do the same drift apart.
    """
    config = settings.Config()
    config.geometry.known, config.geometry.canvas, config.geometry.placement = sizes.known, sizes.canvas, "center"
    config.model.width = config.critic.width = sizes.width
    config.data.batch, config.compute.dtype, config.loss.vgg = sizes.batch, sizes.dtype, "random"
    config.adam.epsilon = 1e-2
    return settings.resolve(config)


def parameters(sizes: Sizes) -> tuple[Arrays, Arrays, Arrays]:
    """Returns parameters of the generator, of the critics and of VGG-19, flat by dotted names, activations about 1."""
    config = configuration(sizes)
    networks = build_networks(config)

    def shapes() -> tuple[Any, Any, Any]:
        state = init_state(jax.random.key(0), config, networks)
        return state.params, state.critics, networks.vgg.init(jax.random.key(0), jnp.zeros((1, 32, 32, 3)))["params"]

    generator, critics, vgg = jax.eval_shape(shapes)
    rng = np.random.default_rng(0)
    # Filters before a ReLU are drawn wider, by what it cuts off (He et al., 2015).
    return draw(generator, rng, 1.0, 0.1), draw(critics, rng, 1.0, 0.1), draw(vgg, rng, 2.0, 0.0)


def draw(shapes: Any, rng: np.random.Generator, gain: float, bias: float) -> Arrays:
    """Returns random arrays of these shapes, flat by dotted names: filters of variance `gain` over what they sum."""

    def draw_one(name: str, shape: tuple[int, ...]) -> np.ndarray:
        if name == "mean":
            return np.array(vgg19.MEAN, np.float32)
        scale = bias if len(shape) == 1 else (gain / np.prod(shape[:-1])) ** 0.5
        return rng.normal(0.0, scale, shape).astype(np.float32)

    return {name: draw_one(name, leaf.shape) for name, leaf in by_name(shapes).items()}


def pictures(count: int, sizes: Sizes) -> np.ndarray:
    """Returns bytes [count, b, H, W, 3]: colors that flow into each other, and grain."""
    rng = np.random.default_rng(1)
    shape = (count, sizes.batch, *sizes.canvas, 3)
    coarse = rng.uniform(0, 224, (*shape[:2], *(-(-side // 8) for side in sizes.canvas), 3))
    smooth = coarse.repeat(8, axis=2).repeat(8, axis=3)[:, :, : sizes.canvas[0], : sizes.canvas[1]]
    return (smooth + rng.uniform(0, 32, shape)).astype(np.uint8)


def alphas(sizes: Sizes) -> np.ndarray:
    """Returns where the penalties of the first full step look between truth and completed picture, [k, b]."""
    config = configuration(sizes)
    step = steps(config)[1]
    key, image = jax.random.key(config.run.seed), jnp.zeros((sizes.batch, *sizes.canvas, 3))
    keys = jax.random.split(jax.random.fold_in(key, step.first_step), step.batches)
    return np.stack([np.asarray(step.draw(key, image).alpha) for key in keys])


def steps(config: settings.Config) -> list[Step]:
    """Returns the steps of both phases, on no mesh."""
    return build_steps(config, build_networks(config))


def disturbed(arrays: Arrays) -> Arrays:
    """Returns arrays of which one is wrong, for tests of the comparison."""
    first, *_ = arrays
    return arrays | {first: arrays[first] * np.float32(1.1)}
