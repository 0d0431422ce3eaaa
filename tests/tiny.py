"""The smallest of everything: a configuration that has every part, parameters, pictures, settings of detail."""

from functools import cache
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from srn_jax import config as settings
from srn_jax.detail.settings import Settings
from srn_jax.train.state import Networks, TrainState, init_state

# For what holds of any detail; what is asked of the pictures themselves is asked of the default.
QUICK_DETAIL = Settings(searches=2, refinements=(1,))
TILE = (32, 64)  # as small as the tests' canvases
_STATES: dict[tuple[object, ...], TrainState] = {}  # their shapes


def config(**changes: object) -> settings.Config:
    """Returns a configuration of both phases at 8x12 -> 16x24, width 4; `changes` name settings, __ for the dot."""
    made = settings.Config()
    made.geometry.known, made.geometry.canvas = (8, 12), (16, 24)
    made.geometry.masks_per_batch = "each"
    made.model.width = 4
    made.critic.width, made.critic.updates = 4, 2
    made.loss.lambda_mrf = 0.0
    made.data.source = "embedded"
    made.data.batch = 4
    made.data.threads, made.data.workers = 1, 0
    made.reconstruction.steps, made.adversarial.steps = 3, 3
    made.run.average = 0.9
    made.run.log_every_steps = 1
    made.run.image_every_steps = 100
    made.run.evaluate_every_steps = 100
    made.run.save_every_steps = 100
    settings.set_settings(made, {name.replace("__", "."): value for name, value in changes.items()})
    return made


def draw(shapes: Any) -> Any:
    """Returns random arrays for a tree of shapes, such that activations stay about 1."""
    rng = np.random.default_rng(0)

    def draw_one(leaf: jax.ShapeDtypeStruct) -> jax.Array:
        fan = np.prod(leaf.shape[:-1]) if len(leaf.shape) > 1 else 100
        return jnp.asarray(rng.normal(0.0, fan**-0.5, leaf.shape), jnp.float32)

    return jax.tree.map(draw_one, shapes)


def parameters(module: nn.Module, *arrays: jax.Array) -> Any:
    """Returns random parameters of a module that is called with `arrays`."""
    return draw(_shapes(module, *(jax.ShapeDtypeStruct(array.shape, array.dtype) for array in arrays)))


@cache
def _shapes(module: nn.Module, *arrays: jax.ShapeDtypeStruct) -> Any:
    return jax.eval_shape(module.init, jax.random.key(0), *arrays)["params"]


def state(config: settings.Config, networks: Networks) -> TrainState:
    """Returns a state at step 0, all from NumPy: initializers take long to compile, and so do zeros of many shapes."""
    made = networks.generator, *networks.critics.items(), config.geometry.canvas, repr(config.adam)
    if made not in _STATES:
        _STATES[made] = jax.eval_shape(lambda key: init_state(key, config, networks), jax.random.key(0))
    shapes = _STATES[made]
    params, critics = draw((shapes.params, shapes.critics))
    begun = {"params": params, "average": draw(shapes.params), "critics": critics, "key": jax.random.key(0)}
    zeros = {name: part for name, part in vars(shapes).items() if name not in begun}
    return TrainState(**begun, **jax.tree.map(lambda leaf: jnp.array(np.zeros(leaf.shape, leaf.dtype)), zeros))


def write_pictures(folder: Path, count: int, size: tuple[int, int] = (40, 56)) -> Path:
    """Writes `count` different PNG pictures of `size` (height, width), and returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for number in range(count):
        pixels = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"picture_{number:03d}.png")
    return folder
