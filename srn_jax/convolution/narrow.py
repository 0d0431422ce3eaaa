"""Convolutions of stride 1 with few channels: neighbours lie side by side, as channels, so that products are wide.

Eigen, with which XLA convolves on a CPU, reaches its peak where a pixel has many channels. Two neighbours of a row as
one pixel of twice the channels take twice the products, in half of the time (`output`). In the kernel's gradient the
rows that taps reach can lie beside each pixel of x, and the columns beside each of y: then one matrix product is all of
it, and none of its products is wasted.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from srn_jax.convolution import plain
from srn_jax.convolution.plain import Sampling

_MOST_OUTS = 16  # of a kernel's gradient: there XLA has 10 to 20 GFLOP/s, and 70 or more beyond it
# Of x and y with neighbours beside them: what is larger goes by strips of so many rows, one after the other.
_MOST_BYTES = 2**26
_ROWS = 8


def suits(part: str, g: Sampling, ins: int, outs: int) -> bool:
    """Returns whether the form exists for this part of a convolution, and is faster than XLA's on a CPU."""
    if g.stride > 1 or g.dilation > 1 or any(taps % 2 == 0 for taps in g.taps):
        return False
    if part == "kernel_gradient":
        return outs <= _MOST_OUTS
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


def kernel_gradient(g: Sampling, x: Float[Array, "b h w c"], y: Float[Array, "b h w d"]) -> Float[Array, "kh kw c d"]:
    """Returns the gradient of <y, output(x, kernel)> in the kernel."""
    (rows, columns), (height, width) = g.taps, g.inputs
    x = jnp.pad(x, ((0, 0), (rows // 2, rows // 2), (0, 0), (0, 0)))
    y = jnp.pad(y, ((0, 0), (0, 0), (columns // 2, columns // 2), (0, 0)))

    def correlate(x: Array, y: Array) -> Array:
        high = y.shape[1]
        beside_x = jnp.concatenate([x[:, row : row + high] for row in range(rows)], axis=-1)
        beside_y = jnp.concatenate([y[:, :, column : column + width] for column in reversed(range(columns))], axis=-1)
        return jax.lax.dot_general(beside_x, beside_y, (((0, 1, 2), (0, 1, 2)), ((), ())))

    size = 4 * x.shape[0] * height * width * (rows * x.shape[-1] + columns * y.shape[-1])
    if size <= _MOST_BYTES or height % _ROWS:
        made = correlate(x, y)
    else:
        strips_of_x = [x[:, row : row + _ROWS + rows - 1] for row in range(0, height, _ROWS)]
        strips = jnp.stack(strips_of_x, axis=1), y.reshape(y.shape[0], height // _ROWS, _ROWS, *y.shape[2:])
        flat = tuple(array.reshape(-1, 1, *array.shape[2:]) for array in strips)
        made = jax.lax.map(lambda strip: correlate(*strip), flat).sum(0)
    return made.reshape(rows, x.shape[-1], columns, y.shape[-1]).transpose(0, 2, 1, 3)
