"""Which form a part of a convolution takes."""

from collections.abc import Callable

from jax.typing import DTypeLike
from jaxtyping import Array

from srn_jax.backend import own_forms_pay, sub_grids_pay
from srn_jax.convolution import dilated, plain, strided, winograd
from srn_jax.convolution.plain import Geometry


def pick(part: str, g: Geometry, ins: int, outs: int, dtype: DTypeLike) -> Callable[[Geometry, Array, Array], Array]:
    """Returns the function of the name `part` of the form that is the fastest; `plain`'s is the reference of all.

    `part` is "output", "input_gradient" or "kernel_gradient"; `ins` and `outs` are the kernel's channels.
    """
    own = (winograd, strided) if own_forms_pay(dtype) else (dilated,) if sub_grids_pay() else ()
    return getattr(next((form for form in own if form.suits(part, g, ins, outs)), plain), part)
