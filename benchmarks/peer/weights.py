"""Parameters as either library has them: our tree of arrays, flat by dotted names, and the modules' tensors."""

from collections.abc import Mapping
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]
_CONTAINERS = ("head", "tail")  # parts of a PyTorch name that ours lack


def flatten(tree: Mapping[str, Any], prefix: str = "") -> Arrays:
    """Returns a tree of arrays as {"cpn.xconv1.kernel": array}."""
    flat: Arrays = {}
    for name, value in tree.items():
        flat |= flatten(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {prefix + name: np.asarray(value)}
    return flat


def unflatten(flat: Arrays) -> dict[str, Any]:
    """Returns the tree that `flatten` was given."""
    tree: dict[str, Any] = {}
    for name, value in flat.items():
        *parts, last = name.split(".")
        node = tree
        for part in parts:
            node = node.setdefault(part, {})
        node[last] = value
    return tree


def our_name(name: str) -> str:
    """Returns what we call the parameter that a module calls `name`."""
    parts = [part for part in name.split(".") if part not in _CONTAINERS]
    return ".".join(parts).replace(".weight", ".kernel")


def to_torch(name: str, array: np.ndarray) -> np.ndarray:
    """Returns our parameter `name` as its module has it."""
    if name.startswith("expansion."):  # blocks of n channels; PyTorch's shuffle has the place in a block last
        array = _swap(array, 4)
    if array.ndim == 4:
        return array.transpose(3, 2, 0, 1)
    return array.T if array.ndim == 2 else array


def from_torch(name: str, array: np.ndarray) -> np.ndarray:
    """Returns a module's parameter, or anything of its shape, as our parameter `name` is."""
    if array.ndim == 4:
        array = array.transpose(2, 3, 1, 0)
    array = array.T if array.ndim == 2 else array
    return _swap(array, array.shape[-1] // 4) if name.startswith("expansion.") else array


def _swap(array: np.ndarray, blocks: int) -> np.ndarray:
    """Returns the array with its last axis, `blocks` blocks of channels, read the other way round."""
    *rest, channels = array.shape
    return array.reshape(*rest, blocks, channels // blocks).swapaxes(-1, -2).reshape(array.shape)
