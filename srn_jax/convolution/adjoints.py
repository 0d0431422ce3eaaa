"""The convolution that networks call: its form picked by backend, its derivatives, of any order, never XLA's own.

A convolution, its gradient in the input and its gradient in the kernel are the three adjoints of one trilinear sum, so
each one's derivatives are the other two. XLA's own derivative of the second in its kernel, which a gradient penalty
asks for, is 100 times slower on a CPU than the third form, which it is (benchmarks/README.md). Reverse mode only.
"""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import jax
from jaxtyping import Array, Float

from srn_jax.convolution import forms
from srn_jax.convolution.plain import NUMBERS, Sampling


def conv(
    x: Float[Array, "b h w c"], kernel: Float[Array, "kh kw c d"], *, stride: int = 1, dilation: int = 1
) -> Float[Array, "b oh ow d"]:
    """Returns the SAME convolution of `x`: TensorFlow's, which pads more behind than before where it must."""
    x, kernel = varying_alike(x, kernel)
    return _output(Sampling(stride, dilation, x.shape[1:3], kernel.shape[:2]), x, kernel)


def conv_general_dilated(
    x: Array,
    kernel: Array,
    strides: Sequence[int],
    padding: Any,
    *,
    rhs_dilation: Sequence[int] = (1, 1),
    lhs_dilation: Sequence[int] = (1, 1),
    dimension_numbers: Any = None,
    feature_group_count: int = 1,
    **others: Any,
) -> Array:
    """Returns `conv` with the signature of `jax.lax.conv_general_dilated` that `flax.linen.Conv` calls.

    Raises:
      AssertionError: it is asked for another convolution: not SAME, of other strides or dilations along its sides, in
        groups, transposed, or of other axes.
    """
    assert padding == "SAME", f"padding is {padding!r}; it takes 'SAME'"
    for name, pair in (("strides", strides), ("rhs_dilation", rhs_dilation)):
        assert len(set(pair)) == 1, f"{name} is {tuple(pair)}; it takes two that are equal"
    assert set(lhs_dilation) == {1}, f"lhs_dilation is {tuple(lhs_dilation)}; it takes (1, 1)"
    groups = feature_group_count, others.pop("batch_group_count", 1)
    assert groups == (1, 1), f"feature_group_count and batch_group_count are {groups}; it takes 1"
    asked, ours = (jax.lax.conv_dimension_numbers(x.shape, kernel.shape, n) for n in (dimension_numbers, NUMBERS))
    assert dimension_numbers is None or asked == ours, f"dimension_numbers are {dimension_numbers}; it takes {NUMBERS}"
    wanted = [name for name, value in others.items() if value is not None]
    assert not wanted, f"it takes no {', '.join(wanted)}"
    return conv(x, kernel, stride=strides[0], dilation=rhs_dilation[0])


def varying_alike(x: Array, kernel: Array) -> tuple[Array, Array]:
    """Returns both as varying over the mapped axes that either varies over, as a derivative rule asks of its inputs."""
    axes = _varying(x) | _varying(kernel)
    return _vary(x, axes), _vary(kernel, axes)


def _vary(array: Array, axes: frozenset[str]) -> Array:
    missing = tuple(axes - _varying(array))
    return jax.lax.pcast(array, missing, to="varying") if missing else array


def _varying(array: Array) -> frozenset[str]:
    return jax.typeof(array).manual_axis_type.varying


@cache
def _traced_once(form: Callable[[Sampling, Array, Array], Array]) -> Callable[[Sampling, Array, Array], Array]:
    """Returns the form, which is traced once for all layers of the same shapes, in all programs of a process."""
    return jax.jit(form, static_argnums=0, inline=True)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _output(g: Sampling, x: Array, kernel: Array) -> Array:
    return _traced_once(forms.fastest("output", g, x.shape[-1], kernel.shape[-1], x.dtype))(g, x, kernel)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _input_gradient(g: Sampling, y: Array, kernel: Array) -> Array:
    return _traced_once(forms.fastest("input_gradient", g, kernel.shape[2], y.shape[-1], y.dtype))(g, y, kernel)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _kernel_gradient(g: Sampling, x: Array, y: Array) -> Array:
    return _traced_once(forms.fastest("kernel_gradient", g, x.shape[-1], y.shape[-1], x.dtype))(g, x, y)


_output.defvjp(
    lambda g, x, kernel: (_output(g, x, kernel), (x, kernel)),
    lambda g, kept, y: (_input_gradient(g, y, kept[1]), _kernel_gradient(g, kept[0], y)),
)
_input_gradient.defvjp(
    lambda g, y, kernel: (_input_gradient(g, y, kernel), (y, kernel)),
    lambda g, kept, x: (_output(g, x, kept[1]), _kernel_gradient(g, x, kept[0])),
)
_kernel_gradient.defvjp(
    lambda g, x, y: (_kernel_gradient(g, x, y), (x, y)),
    lambda g, kept, kernel: (_input_gradient(g, kept[1], kernel), _output(g, kept[0], kernel)),
)
