"""Our contestants: the library as its users and its own training loop call it."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import inputs, machine
from benchmarks.memory import Memory, Peaks, ProcessMemory
from benchmarks.peer.weights import Arrays, flatten, unflatten
from benchmarks.sizes import Sizes
from benchmarks.worker import Subject
from srn_jax import config as settings
from srn_jax import extrapolate_stream
from srn_jax.generators.generator import Generator
from srn_jax.losses import mrf
from srn_jax.losses.row_blocks import best_of_rows, best_of_rows_dense
from srn_jax.models.layers import apply
from srn_jax.ops import from_bytes
from srn_jax.programs.backend import compiler_options
from srn_jax.train import precision, sharding
from srn_jax.train.state import TrainState, build_generator, build_networks
from srn_jax.train.step import build_steps

ID_MRF_METHODS = {"dense": best_of_rows_dense, "blocks": best_of_rows}


class _DeviceMemory:
    """An accelerator's memory, whose high-water mark JAX cannot set back."""

    def __init__(self) -> None:
        self._held = 0

    def _stats(self) -> dict[str, int]:
        return jax.devices()[0].memory_stats() or {}

    def begin(self) -> None:
        """Begins to watch."""
        self._held = self._stats().get("bytes_in_use", 0)

    def peaks(self) -> Peaks:
        """Returns the peaks up to now."""
        peak = self._stats().get("peak_bytes_in_use", 0)
        return Peaks(peak - self._held, peak, False)


def _memory() -> Memory:
    return ProcessMemory() if jax.devices()[0].platform == "cpu" else _DeviceMemory()


def painting(sizes: Sizes, params: Arrays, picture: np.ndarray) -> Subject:
    """Returns the generator alone, as `extrapolate` runs it: arrays on the device in, the prediction on it out."""
    model = build_generator(inputs.configuration(sizes))
    computed = precision.computed_in(precision.DTYPES[sizes.dtype], partial(apply, model))
    paint = jax.jit(computed, compiler_options=compiler_options())
    weights, image, mask = jax.device_put((unflatten(params), from_bytes(picture), sizes.mask()))
    return Subject(
        call=lambda: jax.block_until_ready(paint(weights, image, mask)[0]),
        outcome=partial(_picture_outcome, sizes),
        library=machine.describe_jax(),
        memory=_memory(),
    )


def extrapolation(sizes: Sizes, params: Arrays, picture: np.ndarray) -> Subject:
    """Returns the whole of `extrapolate`, one of many: bytes in, bytes out."""
    config = inputs.configuration(sizes)
    window = config.geometry
    weights = jax.device_put(unflatten(params))
    generator = Generator(weights, build_generator(config), window.known, window.canvas, window.placement)
    mask = sizes.mask()[..., 0]
    return Subject(
        call=lambda: next(extrapolate_stream(generator, [(picture, mask)])),
        outcome=partial(_picture_outcome, sizes),
        library=machine.describe_jax(),
        memory=_memory(),
    )


def training(
    sizes: Sizes, phase: int, params: Arrays, critics: Arrays, vgg: Arrays, images: np.ndarray, alphas: np.ndarray
) -> Subject:
    """Returns a phase's training step as the training loop compiles it; `alphas` it draws by itself."""
    del alphas
    config = inputs.configuration(sizes)
    networks, mesh = build_networks(config), sharding.build_mesh(config.data.batch)
    step = build_steps(config, networks, axis_name=sharding.AXIS)[phase]
    compiled = sharding.compile_step(step, mesh)
    filters = sharding.put_replicated(mesh, unflatten(vgg) if settings.feature_layers(step.loss) else {})
    batches = sharding.put_images(mesh, images[: step.batches])

    def begin(params: Any, critics: Any) -> TrainState:
        adam = networks.adam
        return TrainState(
            step=jnp.asarray(step.first_step, jnp.int32),
            updates=jnp.zeros((), jnp.int32),
            key=jax.random.key(config.run.seed),
            params=params,
            average=jax.tree.map(jnp.copy, params),
            critics=critics,
            adam_generator=adam.init(params),
            adam_critics=adam.init(critics),
        )

    start = jax.jit(begin, out_shardings=sharding.replicated(mesh))
    states = [start(unflatten(params), unflatten(critics))]

    def call() -> Any:
        made = jax.block_until_ready(compiled(states.pop(), batches, filters))
        states.append(made[0])
        return made

    return Subject(call, partial(_training_outcome, sizes), machine.describe_jax(), memory=_memory())


def _picture_outcome(sizes: Sizes, made: Any) -> dict[str, Any]:
    return {"picture": np.asarray(made), "precision": sizes.precision(jax.devices()[0].platform)}


def _training_outcome(sizes: Sizes, made: Any) -> dict[str, Any]:
    """Returns losses, parameters and Adam's first moments, which after one step are gradients, of both networks."""
    state, metrics = made
    trees = {
        "generator": (state.params, state.adam_generator.mu),
        "critics": (state.critics, state.adam_critics.mu),
    }
    copies = jax.tree.map(np.array, trees)  # not views: the next step takes over the memory
    return {
        "precision": sizes.precision(jax.devices()[0].platform),
        "metrics": {name: float(value) for name, value in metrics.items()},
        "parameters": {name: flatten(params) for name, (params, _) in copies.items()},
        "moments": {name: flatten(moments) for name, (_, moments) in copies.items()},
    }


def id_mrf(form: str, method: str, gradients: bool, generated: np.ndarray, truth: np.ndarray) -> Subject:
    """Returns one form of ID-MRF on feature maps [b, h, w, c], with or without gradients in both."""

    def loss(generated, truth):
        return mrf.ID_MRF[form](generated, truth, best=ID_MRF_METHODS[method])

    function = jax.jit(jax.value_and_grad(loss, argnums=(0, 1)) if gradients else loss)
    maps = jax.device_put((generated, truth))

    def outcome(made: Any) -> dict[str, Any]:
        value, of_maps = made if gradients else (made, ())
        names = ("generated", "truth")
        return {"value": float(value), "gradients": dict(zip(names, map(np.asarray, of_maps), strict=False))}

    return Subject(
        call=lambda: jax.block_until_ready(function(*maps)),
        outcome=outcome,
        library=machine.describe_jax(),
        memory=_memory(),
    )
