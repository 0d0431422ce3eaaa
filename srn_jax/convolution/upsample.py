"""Nearest x2 and a 3 x 3 convolution in one: the plain form, and one on the map before it is enlarged."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from srn_jax import ops
from srn_jax.convolution.adjoints import conv
from srn_jax.programs.backend import own_forms_pay


def upsample_conv(x: Float[Array, "b h w c"], kernel: Float[Array, "3 3 c d"]) -> Float[Array, "b 2*h 2*w d"]:
    """Returns the SAME convolution of `x` with every pixel repeated 2 x 2."""
    return by_phases(x, kernel) if own_forms_pay(x.dtype) else plain(x, kernel)


def plain(x: Float[Array, "b h w c"], kernel: Float[Array, "3 3 c d"]) -> Float[Array, "b 2*h 2*w d"]:
    """Returns what the name says, in plain words: the reference."""
    return conv(ops.upsample_x2(x), kernel)


def by_phases(x: Float[Array, "b h w c"], kernel: Float[Array, "3 3 c d"]) -> Float[Array, "b 2*h 2*w d"]:
    """Returns the same by a 3 x 3 convolution of `x` itself, with 4 times as many outputs, put side by side.

    Along one axis, zeros beyond the border, pixel i becomes
        y_{2i} = k_0 x_{i-1} + (k_1 + k_2) x_i  and  y_{2i + 1} = (k_0 + k_1) x_i + k_2 x_{i+1}.
    That convolution is small enough for a fast form where the one of the enlarged map is not.
    """
    by_row = [jnp.stack(_phases(rows, 1), axis=3) for rows in _phases(kernel, 0)]
    kernels = jnp.stack(by_row, axis=3)  # [3, 3, c, 2, 2, d]
    return ops.pixel_shuffle(conv(x, kernels.reshape(3, 3, x.shape[-1], -1)), (2, 2))


def _phases(kernel: Float[Array, "3 3 c d"], axis: int) -> list[Float[Array, "3 3 c d"]]:
    """Returns the taps of even and of odd pixels along an axis."""
    before, middle, after = jnp.moveaxis(kernel, axis, 0)
    none = jnp.zeros_like(middle)
    return [jnp.stack(taps, axis) for taps in ([before, middle + after, none], [none, before + middle, after])]
