"""One step on one device or many, of one host or many: the mesh, where arrays lie on it, and the compiled program."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, UInt8

from srn_jax.convolution import few_calls
from srn_jax.errors import InputError, pick
from srn_jax.ops import from_bytes
from srn_jax.programs.backend import compiler_options
from srn_jax.train.state import TrainState
from srn_jax.train.step import Metrics, Step

AXIS = "batch"
FINITE = "finite"  # beside the metrics of a compiled step: whether all of them are
_IMAGES = P(None, AXIS)  # [k, b, h, w, 3], k batches, each split over the devices


def check_devices() -> None:
    """Raises InputError, on all hosts alike, where they have different numbers of devices."""
    counts = Counter(device.process_index for device in jax.devices())
    if len(set(counts.values())) > 1:
        raise InputError(f"the processes have {', '.join(map(str, counts.values()))} devices; all take as many")


def build_mesh(batch: int, accumulate: int = 1) -> Mesh:
    """Returns all devices of all hosts on one axis, each host's side by side.

    Raises:
      InputError: `batch` does not split over the devices, and there into `accumulate` parts.
    """
    devices = sorted(jax.devices(), key=lambda device: (device.process_index, device.id))
    if batch % (len(devices) * accumulate):
        parts = f", {accumulate} parts each (compute.accumulate)" if accumulate > 1 else ""
        raise InputError(
            f"data.batch is {batch}; it takes a multiple of {len(devices) * accumulate}, for {len(devices)} devices of "
            f"{jax.process_count()} processes{parts}"
        )
    return Mesh(np.array(devices), (AXIS,))


def replicated(mesh: Mesh) -> NamedSharding:
    """Returns the sharding of what every device holds whole: the state, and VGG-19."""
    return NamedSharding(mesh, P())


def put_images(mesh: Mesh, part: UInt8[np.ndarray, "k b h w 3"]) -> UInt8[Array, "k B h w 3"]:
    """Returns batches spread over the mesh; `part` is this host's, the p-th of n for the p-th of n hosts."""
    return jax.make_array_from_process_local_data(NamedSharding(mesh, _IMAGES), part)


def put_replicated(mesh: Mesh, tree: Any) -> Any:
    """Returns arrays, the same on every host, whole on every device of the mesh."""
    return jax.tree.map(lambda x: jax.make_array_from_process_local_data(replicated(mesh), np.asarray(x)), tree)


CompiledStep = Callable[[TrainState, UInt8[Array, "k b h w 3"], Any], tuple[TrainState, Metrics]]


def compile_step(step: Step, mesh: Mesh, *, few: bool = False) -> CompiledStep:
    """Returns the jitted step over the mesh: (state, images as bytes, VGG-19) -> (state, metrics); state is donated.

    Beside the metrics stands `FINITE`, so that nobody needs to fetch them all to know. `few` is whether it is called a
    few times, as `convolution.few_calls` takes it.

    `step` must have been built with `axis_name=AXIS`. Gradients are averaged over the devices inside.
    """

    def body(state: TrainState, images: UInt8[Array, "k b h w 3"], vgg: Any) -> tuple[TrainState, Metrics]:
        with few_calls(few):
            state, metrics = step(state, from_bytes(images), vgg)
        return state, metrics | {FINITE: jnp.isfinite(jnp.stack(list(metrics.values()))).all()}

    return pick(PARALLEL, step.config.parallel, "parallel")(body, mesh)


def _shard_map(body: CompiledStep, mesh: Mesh) -> CompiledStep:
    mapped = jax.shard_map(body, mesh=mesh, in_specs=(P(), _IMAGES, P()), out_specs=(P(), P()))
    return jax.jit(mapped, donate_argnums=0, compiler_options=compiler_options())


def _pmap(body: CompiledStep, mesh: Mesh) -> CompiledStep:
    if jax.process_count() > 1:
        raise InputError("parallel is 'pmap', which takes one host; several take 'shard_map'")
    axes: Any = (None, 1, None)  # the mapped axis, of as many entries as there are devices, follows that of batches
    mapped = jax.pmap(body, AXIS, in_axes=axes, out_axes=None, devices=list(mesh.devices.flat), donate_argnums=0)

    def run(state: TrainState, images: UInt8[Array, "k b h w 3"], vgg: Any) -> tuple[TrainState, Metrics]:
        count, batch, *rest = images.shape
        return mapped(state, images.reshape(count, mesh.size, batch // mesh.size, *rest), vgg)

    return run


# How the body of a step, which sees one device's share of the batch, is run on all devices of a mesh.
PARALLEL: dict[str, Callable[[CompiledStep, Mesh], CompiledStep]] = {"shard_map": _shard_map, "pmap": _pmap}
