"""Which devices paint, where there are several: as many as have enough to do to be worth a compilation each."""

from typing import Any

import jax


def share(pictures: int, each: int) -> list[Any]:
    """Returns as many of the local devices (`jax.Device`) as get `each` of so many pictures at least; one at least.

    Where a default device is set (`jax.default_device`), as in the threads that work through a folder, it is that one.
    """
    chosen = jax.config.jax_default_device  # pyright: ignore[reportAttributeAccessIssue]
    if chosen is not None:
        return [chosen]
    devices = jax.local_devices()
    return devices[: max(1, min(len(devices), pictures // each))]


def on_each(devices: list[Any], tree: Any) -> list[Any]:
    """Returns a copy of a tree of arrays on each of the devices; where it is one alone, the tree as it is."""
    return [tree] if len(devices) == 1 else [jax.device_put(tree, device) for device in devices]
