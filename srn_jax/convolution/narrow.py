"""Convolutions of stride 1 with few channels: two neighbours lie side by side, as channels, so that products are wide.

Eigen, with which XLA convolves on a CPU, reaches its peak where a pixel has many channels. Two neighbours of a row as
one pixel of twice the channels take twice the products, in half of the time.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from srn_jax.convolution import plain
from srn_jax.convolution.plain import Sampling


def suits(part: str, g: Sampling, ins: int, outs: int) -> bool:
    """Returns whether the form exists for this part of a convolution, and is faster than XLA's on a CPU."""
    if part == "kernel_gradient" or g.stride > 1 or g.dilation > 1 or any(taps % 2 == 0 for taps in g.taps):
        return False
    read, made = (ins, outs) if part == "output" else (outs, ins)
    return g.inputs[1] % 2 == 0 and ((read <= 3 and made <= 32) or (read <= 16 and made <= 3))


def output(g: Sampling, x: Float[Array, "b h w c"], kernel: Float[Array, "kh kw c d"]) -> Float[Array, "b h w d"]:
    """Returns the convolution of `x`, two pixels at a time."""
    (batch, height, width, ins), (rows, columns, _, outs) = x.shape, kernel.shape
    pairs = -(-(columns // 2) // 2)  # that taps reach on either side of the pair that is made
    reach = 2 * (2 * pairs + 1) - columns  # zeros beside the taps of either pixel
    first = 2 * pairs - columns // 2
    of_each = [jnp.pad(kernel, ((0, 0), (zeros, reach - zeros), (0, 0), (0, 0))) for zeros in (first, first + 1)]
    kernels = jnp.concatenate(of_each, axis=-1).reshape(rows, 2 * pairs + 1, 2 * ins, 2 * outs)
    paired = x.reshape(batch, height, width // 2, 2 * ins)
    made = plain.output(Sampling(1, 1, paired.shape[1:3], kernels.shape[:2]), paired, kernels)
    return made.reshape(batch, height, width, outs)


def input_gradient(
    g: Sampling, y: Float[Array, "b h w d"], kernel: Float[Array, "kh kw c d"]
) -> Float[Array, "b h w c"]:
    """Returns the gradient of <y, output(x, kernel)> in x: `y` convolved with the kernel turned by half a circle."""
    return output(g, y, kernel[::-1, ::-1].swapaxes(2, 3))
