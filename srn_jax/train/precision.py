"""Mixed precision and rematerialization: how a network is run inside a step, whatever the network."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

# What networks compute in. Parameters, their gradients, losses, norms and statistics are float32 under all of them.
DTYPES: dict[str, DTypeLike] = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}

# What the backward pass computes again instead of keeping it.
REMAT: dict[str, Callable[[Callable[..., Any]], Callable[..., Any]]] = {
    "none": lambda function: function,
    "networks": jax.checkpoint,  # everything inside a network: of each, only what went in is kept
}


def computed_in(dtype: DTypeLike, function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns `function` of arrays with its arguments turned to `dtype` on the way in, its results to float32.

    Gradients pass through the same casts: those of float32 parameters are float32.
    """

    def run(*arguments: Any) -> Any:
        made = function(*jax.tree.map(lambda x: x.astype(dtype), arguments))
        return jax.tree.map(lambda x: x.astype(jnp.float32), made)

    return run
