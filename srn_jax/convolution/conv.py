"""The convolution that networks call: its form picked by backend, its derivatives, of any order, never XLA's own.

A convolution, its gradient in the input and its gradient in the kernel are the three adjoints of one trilinear sum, so
each one's derivatives are the other two. XLA's own derivative of the second in its kernel, which a gradient penalty
asks for, is 100 times slower on a CPU than the third form, which it is (benchmarks/README.md). Reverse mode only.
"""

from functools import partial
from typing import Any

import jax
from jaxtyping import Array, Float

from srn_jax.convolution import forms
from srn_jax.convolution.plain import Geometry


def conv(
    x: Float[Array, "b h w c"], kernel: Float[Array, "kh kw c d"], *, stride: int = 1, dilation: int = 1
) -> Float[Array, "b oh ow d"]:
    """Returns the SAME convolution of `x`: TensorFlow's, which pads more behind than before where it must."""
    x, kernel = varying_alike(x, kernel)
    return _output(Geometry(stride, dilation, x.shape[1:3], kernel.shape[:2]), x, kernel)


def conv_general_dilated(
    x: Array, kernel: Array, strides: tuple[int, ...], padding: str, *, rhs_dilation: tuple[int, ...], **unused: Any
) -> Array:
    """Returns `conv` with the signature of `jax.lax.conv_general_dilated` that `flax.linen.Conv` calls."""
    del padding, unused
    return conv(x, kernel, stride=strides[0], dilation=rhs_dilation[0])


def varying_alike(x: Array, kernel: Array) -> tuple[Array, Array]:
    """Returns both as varying over the mapped axes that either varies over, as a derivative rule asks of its inputs."""
    axes = _varying(x) | _varying(kernel)

    def vary(array: Array) -> Array:
        missing = tuple(axes - _varying(array))
        return jax.lax.pcast(array, missing, to="varying") if missing else array

    return vary(x), vary(kernel)


def _varying(array: Array) -> frozenset[str]:
    return jax.typeof(array).manual_axis_type.varying


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _output(g: Geometry, x: Array, kernel: Array) -> Array:
    return forms.pick("output", g, x.shape[-1], kernel.shape[-1], x.dtype)(g, x, kernel)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _input_gradient(g: Geometry, y: Array, kernel: Array) -> Array:
    return forms.pick("input_gradient", g, kernel.shape[2], y.shape[-1], y.dtype)(g, y, kernel)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _kernel_gradient(g: Geometry, x: Array, y: Array) -> Array:
    return forms.pick("kernel_gradient", g, x.shape[-1], y.shape[-1], x.dtype)(g, x, y)


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
