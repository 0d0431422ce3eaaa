"""Which form a part of a convolution takes."""

from collections.abc import Callable

from jax.typing import DTypeLike
from jaxtyping import Array

from srn_jax.backend import fewer_operations_pay
from srn_jax.convolution import plain, winograd
from srn_jax.convolution.plain import Geometry


def pick(part: str, g: Geometry, ins: int, outs: int, dtype: DTypeLike) -> Callable[[Geometry, Array, Array], Array]:
    """Returns `winograd`'s function of the name `part` where it is faster, else `plain`'s, which is its reference.

    `part` is "output", "input_gradient" or "kernel_gradient"; `ins` and `outs` are the kernel's channels.
    """
    fast = fewer_operations_pay(dtype) and winograd.suits(part, g, ins, outs)
    return getattr(winograd if fast else plain, part)
