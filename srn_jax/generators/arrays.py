"""Reading the arrays of a checkpoint's item one by one, without the state that they belong to."""

from pathlib import Path
from typing import Any

import jax
import numpy as np

from srn_jax.errors import InputError
from srn_jax.models.parameters import Params, map_named


def array_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of the item's arrays by name, such as params.fen.conv1.kernel."""
    return {name: tuple(_open(folder, name).shape) for name in _names(folder)}


def read_arrays(folder: Path, shapes: Params) -> Params:
    """Returns the item in `folder` for a tree of arrays or their shapes, on the first local device.

    Raises:
      InputError: an array has another shape than expected.
    """

    def read(name: str, shape: Any) -> jax.Array:
        array = _read(folder, name)
        if array.shape != shape.shape:
            raise InputError(
                f"checkpoint {folder.parent} does not fit its own description: "
                f"{name} has shape {array.shape}, not {shape.shape}"
            )
        return jax.device_put(array.astype(shape.dtype), jax.local_devices()[0])

    return map_named(read, shapes)


def _names(folder: Path) -> list[str]:
    import tensorstore as ts  # here, as orbax, since only those who read a checkpoint need it

    store = ts.KvStore.open({"driver": "ocdbt", "base": _files(folder)}).result()
    keys = [key.decode().rpartition("/") for key in store.list().result()]
    return [name for name, _, kind in keys if kind == ".zarray"]


def _read(folder: Path, name: str) -> np.ndarray:
    return _open(folder, name).read().result()


def _open(folder: Path, name: str) -> Any:
    import tensorstore as ts

    store = {"driver": "ocdbt", "base": _files(folder), "path": f"{name}/"}
    spec = {"driver": "zarr", "kvstore": store, "fill_missing_data_reads": False}
    return ts.open(spec, open=True).result()


def _files(folder: Path) -> dict[str, str]:
    return {"driver": "file", "path": f"{folder}/"}
