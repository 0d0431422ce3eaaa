"""Convolution as XLA has it, and its two adjoints: the reference that every faster form is held to."""

from typing import NamedTuple

import jax
from jaxtyping import Array, Float

# Of all three forms: within a loop XLA runs convolutions of any other order 10 to 100 times slower on a CPU.
NUMBERS = ("NHWC", "HWIO", "NHWC")


class Sampling(NamedTuple):
    """What shapes alone do not say of a SAME convolution.

    Attributes:
      inputs: (height, width) of what is convolved.
      taps: (height, width) of the kernel.
    """

    stride: int
    dilation: int
    inputs: tuple[int, ...]
    taps: tuple[int, ...]


def output(g: Sampling, x: Float[Array, "b h w c"], kernel: Float[Array, "kh kw c d"]) -> Float[Array, "b oh ow d"]:
    """Returns the convolution y of `x`."""
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        (g.stride, g.stride),
        "SAME",
        rhs_dilation=(g.dilation, g.dilation),
        dimension_numbers=NUMBERS,
    )


def input_gradient(
    g: Sampling, y: Float[Array, "b oh ow d"], kernel: Float[Array, "kh kw c d"]
) -> Float[Array, "b h w c"]:
    """Returns the gradient of <y, output(x, kernel)> in x."""
    padding = []
    for size, out, taps, before in zip(g.inputs, y.shape[1:3], g.taps, padding_before(g, y), strict=True):
        reach, spread = (taps - 1) * g.dilation, (out - 1) * g.stride + 1
        padding.append((reach - before, size - spread + before))
    return jax.lax.conv_general_dilated(
        y,
        kernel[::-1, ::-1].swapaxes(2, 3),
        (1, 1),
        padding,
        lhs_dilation=(g.stride, g.stride),
        rhs_dilation=(g.dilation, g.dilation),
        dimension_numbers=NUMBERS,
    )


def kernel_gradient(g: Sampling, x: Float[Array, "b h w c"], y: Float[Array, "b oh ow d"]) -> Float[Array, "kh kw c d"]:
    """Returns the gradient of <y, output(x, kernel)> in the kernel: x, its channels as images, convolved with y."""
    padding = []
    for size, out, taps, before in zip(g.inputs, y.shape[1:3], g.taps, padding_before(g, y), strict=True):
        reach, spread = (taps - 1) * g.dilation, (out - 1) * g.stride + 1
        padding.append((before, reach + spread - size - before))
    gradient = jax.lax.conv_general_dilated(
        x.transpose(3, 1, 2, 0),
        y.transpose(1, 2, 0, 3),
        (g.dilation, g.dilation),
        padding,
        rhs_dilation=(g.stride, g.stride),
        dimension_numbers=NUMBERS,
    )
    return gradient.transpose(1, 2, 0, 3)


def padding_before(g: Sampling, y: Float[Array, "b oh ow d"]) -> list[int]:
    """Returns the rows and columns of zeros that SAME puts before an input; what is odd goes behind it."""
    reach = [(taps - 1) * g.dilation + 1 for taps in g.taps]
    spread = [(out - 1) * g.stride for out in y.shape[1:3]]
    return [max(r + s - size, 0) // 2 for r, s, size in zip(reach, spread, g.inputs, strict=True)]
