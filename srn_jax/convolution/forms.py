"""Which form a convolution takes."""

from types import ModuleType

from jax.typing import DTypeLike

from srn_jax.backend import fewer_operations_pay
from srn_jax.convolution import plain, winograd
from srn_jax.convolution.plain import Geometry


def form_of(g: Geometry, ins: int, outs: int, dtype: DTypeLike) -> ModuleType:
    """Returns `winograd` where it is faster, else `plain`; both have `output` and its two gradients."""
    return winograd if fewer_operations_pay(dtype) and winograd.suits(g, ins, outs) else plain
