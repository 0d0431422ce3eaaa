"""Convolution of stride 1 by minimal filtering F(4, r) of its rows alone; along a row XLA convolves.

Of 4 rows it takes r + 3 products, not 4 r: half of those of 3 x 3 taps, 2 of 5 of 5 x 5. That spares fewer than
`winograd` does, both ways, but what is transformed grows by 1.5 and 2, not by 2.25 and 4, and by sums of whole rows.
"""

import functools
import operator
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from srn_jax.convolution import neighbours, plain, winograd
from srn_jax.convolution.plain import Sampling

_ROWS = 4  # that are made at a time
_MOST_BYTES = 2**26  # of transformed inputs and products
# By the times of each form of the layers of n = 16, 32 and 64 (benchmarks.convolutions).
_LEAST_SIDE = 64
_CACHED_BYTES = 40e6
# Of products that are spared by values that are transformed: (whether in the kernel, taps) -> from where to where.
_GAIN = {(False, 3): (32, 64), (True, 3): (5, 40), (False, 5): (12, np.inf), (True, 5): (12, np.inf)}


def exists(g: Sampling) -> bool:
    """Returns whether this convolution has the form: stride 1, no dilation, 3 or 5 by odd taps, whole tiles."""
    return g.stride == g.dilation == 1 and g.taps[0] in (3, 5) and g.taps[1] % 2 == 1 and g.inputs[0] % _ROWS == 0


def suits(part: str, g: Sampling, ins: int, outs: int) -> bool:
    """Returns whether the form exists for this part of a convolution, and is the fastest on a CPU."""
    if not exists(g) or max(g.inputs) < _LEAST_SIDE:
        return False
    if part != "kernel_gradient" and _bytes(g, ins, outs) > _MOST_BYTES:
        return False
    gain = ins * outs / (ins + outs)
    least, most = _GAIN[part == "kernel_gradient", g.taps[0]]
    if gain >= most and winograd.exists(g):  # both ways spare more, unless what they transform leaves the caches
        return winograd.transformed_bytes(g, ins, outs) > _CACHED_BYTES
    return gain >= least


def output(g: Sampling, x: Float[Array, "b h w c"], kernel: Float[Array, "kh kw c d"]) -> Float[Array, "b h w d"]:
    """Returns the convolution of `x`, one image at a time where all take too many bytes at once."""
    of_inputs, of_kernel, of_products = winograd.transforms(_ROWS, g.taps[0])
    kernels = jnp.tensordot(of_kernel.astype(kernel.dtype), kernel, 1)[:, None]
    along = Sampling(1, 1, (g.inputs[0] // _ROWS, g.inputs[1]), (1, g.taps[1]))

    def convolve(x: Array) -> Array:
        rows = _sums(of_inputs, _overlapping(g, x))
        products = [plain.output(along, row, taps) for row, taps in zip(rows, kernels, strict=True)]
        made = jnp.stack(_sums(of_products, products), axis=2).reshape(*x.shape[:3], -1)
        return jax.lax.optimization_barrier(made)  # else each use of it takes the sums anew

    if len(x) * _bytes(g, *kernel.shape[2:]) <= _MOST_BYTES:
        return convolve(x)
    return jax.lax.map(lambda image: convolve(image[None])[0], x)


def input_gradient(
    g: Sampling, y: Float[Array, "b h w d"], kernel: Float[Array, "kh kw c d"]
) -> Float[Array, "b h w c"]:
    """Returns the gradient of <y, output(x, kernel)> in x: `y` convolved with the kernel turned by half a circle."""
    return output(g, y, kernel[::-1, ::-1].swapaxes(2, 3))


def kernel_gradient(g: Sampling, x: Float[Array, "b h w c"], y: Float[Array, "b h w d"]) -> Float[Array, "kh kw c d"]:
    """Returns the gradient of <y, output(x, kernel)> in the kernel: one product for each transformed row."""
    of_inputs, of_kernel, of_products = winograd.transforms(_ROWS, g.taps[0])
    overlapping, apart = _overlapping(g, x), _apart(y)
    size = len(x) * _bytes(g, x.shape[3], y.shape[3])
    made = jnp.zeros((), x.dtype)
    for strip in neighbours.strips(g.inputs[0] // _ROWS, size):
        # Each in the memory of the one before; a loop would leave all cores but one idle.
        overlapping, apart, made = jax.lax.optimization_barrier((overlapping, apart, made))
        rows = _sums(of_inputs, [row[:, strip] for row in overlapping])
        spread = _sums(of_products.T, [row[:, strip] for row in apart])
        rows, spread = jax.lax.optimization_barrier((rows, spread))
        made += jnp.stack([_correlate(g.taps[1], *pair) for pair in zip(rows, spread, strict=True)])
    return jnp.tensordot(of_kernel.T.astype(x.dtype), made, 1)


def _sums(matrix: Float[np.ndarray, "n m"], arrays: Sequence[Array]) -> list[Array]:
    """Returns matrix . arrays, without the products by 0."""
    by_row = [[float(c) * array for c, array in zip(row, arrays, strict=True) if c] for row in matrix]
    return [functools.reduce(operator.add, terms) for terms in by_row]


def _bytes(g: Sampling, ins: int, outs: int) -> int:
    """Returns how many bytes transformed inputs and products of an image have in float32."""
    return 4 * g.inputs[0] * g.inputs[1] * (ins + outs) * (_ROWS + g.taps[0] - 1) // _ROWS


def _overlapping(g: Sampling, x: Float[Array, "b h w c"]) -> list[Float[Array, "b t w c"]]:
    """Returns the rows that each of t tiles reads: the first of all, the second of all, and so on."""
    reach = g.taps[0] // 2
    x = jnp.pad(x, ((0, 0), (reach, 2 * _ROWS - reach), (0, 0), (0, 0)))
    rows, tiles = _apart(x), g.inputs[0] // _ROWS
    places = (divmod(row, _ROWS) for row in range(_ROWS + g.taps[0] - 1))
    return [rows[row][:, block : block + tiles] for block, row in places]


def _apart(y: Float[Array, "b h w c"]) -> list[Float[Array, "b t w c"]]:
    """Returns the first row of each tile, the second, and so on."""
    b, h, w, c = y.shape
    tiles = y.reshape(b, h // _ROWS, _ROWS, w, c)
    return [tiles[:, :, row] for row in range(_ROWS)]


def _beside(taps: int, x: Float[Array, "b t w c"]) -> Float[Array, "b t w kw c"]:
    """Returns the pixels of a row that taps reach, beside each pixel; zeros beyond its ends."""
    reach, width = taps // 2, x.shape[2]
    x = jnp.pad(x, ((0, 0), (0, 0), (reach, reach), (0, 0)))
    return jnp.stack([x[:, :, first : first + width] for first in range(taps)], axis=3)


def _correlate(taps: int, x: Float[Array, "b t w c"], y: Float[Array, "b t w d"]) -> Float[Array, "kw c d"]:
    """Returns all products of pixels and those beside them in their row; neighbours lie where channels are fewer."""
    ins, outs = x.shape[-1], y.shape[-1]
    if ins <= outs:
        x = _beside(taps, x)
    else:
        y = _beside(taps, y)
    made = neighbours.sum_of_products(*(array.reshape(x.shape[0] * x.shape[1] * x.shape[2], -1) for array in (x, y)))
    if ins <= outs:
        return made.reshape(taps, ins, outs)
    return made.reshape(ins, taps, outs).swapaxes(0, 1)[::-1]
