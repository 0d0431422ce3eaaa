"""One step on one device or many: the mesh, where arrays lie on it, and the compiled program."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, UInt8

from srn_jax.errors import InputError
from srn_jax.train.state import TrainState
from srn_jax.train.step import Metrics, Step

AXIS = "batch"
_IMAGES = P(None, AXIS)  # [k, b, h, w, 3], k batches, each split over the devices


def build_mesh(batch: int) -> Mesh:
    """Returns all local devices on one axis; raises InputError where `batch` does not split over them."""
    devices = jax.local_devices()
    if batch % len(devices):
        raise InputError(f"data.batch is {batch}; it takes a multiple of the {len(devices)} devices of this machine")
    return Mesh(np.array(devices), (AXIS,))


def replicated(mesh: Mesh) -> NamedSharding:
    """Returns the sharding of what every device holds whole: the state, and VGG-19."""
    return NamedSharding(mesh, P())


def put_images(mesh: Mesh, batches: list[np.ndarray]) -> UInt8[Array, "k b h w 3"]:
    """Returns batches, stacked, spread over the mesh."""
    return jax.device_put(np.stack(batches), NamedSharding(mesh, _IMAGES))


CompiledStep = Callable[[TrainState, UInt8[Array, "k b h w 3"], Any], tuple[TrainState, Metrics]]


def compile_step(step: Step, mesh: Mesh) -> CompiledStep:
    """Returns the jitted step over the mesh: (state, images as bytes, VGG-19) -> (state, metrics); state is donated.

    `step` must have been built with `axis_name=AXIS`. Gradients are averaged over the devices inside.
    """

    def body(state: TrainState, images: UInt8[Array, "k b h w 3"], vgg: Any) -> tuple[TrainState, Metrics]:
        return step(state, images * np.float32(1 / 127.5) - 1.0, vgg)  # as the release scales its bytes

    mapped = jax.shard_map(body, mesh=mesh, in_specs=(P(), _IMAGES, P()), out_specs=(P(), P()))
    return jax.jit(mapped, donate_argnums=0)
