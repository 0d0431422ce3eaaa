"""Which form a part of a convolution takes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from jax.typing import DTypeLike
from jaxtyping import Array

from srn_jax.convolution import dilated, narrow, neighbours, plain, strided, winograd, winograd_rows
from srn_jax.convolution.plain import Sampling
from srn_jax.programs.backend import own_forms_pay, sub_grids_pay

_FEW_CALLS = ContextVar("few_calls", default=False)


@contextmanager
def few_calls(few: bool = True) -> Iterator[None]:
    """Within it programs are traced that are called a `few` times: their forms are those that compile in no time.

    On an AMD EPYC, 2 cores, 256 x 256, the generator compiles in 0.6 s, not in 7, at n = 32 and at n = 64. A picture by
    itself takes a third longer at either: at n = 64 0.58 s, not 0.42, so that 46 of them have won the time back.
    """
    token = _FEW_CALLS.set(few)
    try:
        yield
    finally:
        _FEW_CALLS.reset(token)


def fastest(part: str, g: Sampling, ins: int, outs: int, dtype: DTypeLike) -> Callable[[Sampling, Array, Array], Array]:
    """Returns the function of the name `part` of the form that is the fastest; `plain`'s is the reference of all.

    `part` is "output", "input_gradient" or "kernel_gradient"; `ins` and `outs` are the kernel's channels.
    """
    own = ()
    if not _FEW_CALLS.get():
        if own_forms_pay(dtype):
            own = winograd_rows, winograd, neighbours, narrow, strided
        elif sub_grids_pay():
            own = (dilated,)
    return getattr(next((form for form in own if form.suits(part, g, ins, outs)), plain), part)
