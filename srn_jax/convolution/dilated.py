"""The gradient in the kernel of a dilated convolution, by its sub-grids, which count as images and know no dilation.

On a GPU XLA has cuDNN compute every convolution and gradient but this one: it convolves with the whole map as the
kernel, in 7 to 11 times as long (benchmarks/README.md).
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from srn_jax.convolution import plain
from srn_jax.convolution.plain import Sampling


def suits(part: str, g: Sampling, ins: int, outs: int) -> bool:
    """Returns whether the form exists for this part of a convolution, and is faster than XLA's on a GPU."""
    del ins, outs
    return part == "kernel_gradient" and g.stride == 1 and g.dilation > 1 and all(taps % 2 for taps in g.taps)


def kernel_gradient(g: Sampling, x: Float[Array, "b h w c"], y: Float[Array, "b h w d"]) -> Float[Array, "kh kw c d"]:
    """Returns the gradient of <y, output(x, kernel)> in the kernel."""
    x, y = _take_apart(g, x), _take_apart(g, y)
    return plain.kernel_gradient(Sampling(1, 1, x.shape[1:3], g.taps), x, y)


def _take_apart(g: Sampling, x: Float[Array, "b h w c"]) -> Float[Array, "n p q c"]:
    """Returns the sub-grids of all images, with zeros behind those that are shorter than others."""
    e, (p, q) = g.dilation, (-(-side // g.dilation) for side in g.inputs)
    x = jnp.pad(x, ((0, 0), (0, p * e - g.inputs[0]), (0, q * e - g.inputs[1]), (0, 0)))
    return x.reshape(-1, p, e, q, e, x.shape[-1]).transpose(0, 2, 4, 1, 3, 5).reshape(-1, p, q, x.shape[-1])
