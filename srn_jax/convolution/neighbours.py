"""The gradient in the kernel of a convolution, of any stride, as one matrix product of pixels beside their neighbours.

XLA convolves with the whole map as the kernel: for each tap it copies the map, for few products of each copy. Here the
rows that taps reach lie beside each pixel of x, and the columns beside each of y: that is kh + kw copies, not kh kw,
and then one product, little of it wasted. With a stride s, blocks of s x s pixels of x count as pixels: as many rows
lie beside them, and ceil(kw / s) columns beside y.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from srn_jax.convolution import plain
from srn_jax.convolution.plain import Sampling

# Of what a kernel's gradient makes of x and y: what is larger goes by strips, one after the other, up to so many.
_MOST_BYTES = 2**24
_MOST_STRIPS = 16
_LONG_SUM = 4096  # a longer one is taken in two halves, so that each core has one


def suits(part: str, g: Sampling, ins: int, outs: int) -> bool:
    """Returns whether the form exists for this part of a convolution, and is faster than XLA's on a CPU."""
    del ins, outs
    return part == "kernel_gradient" and g.dilation == 1


def kernel_gradient(g: Sampling, x: Float[Array, "b h w c"], y: Float[Array, "b p q d"]) -> Float[Array, "kh kw c d"]:
    """Returns the gradient of <y, output(x, kernel)> in the kernel."""
    s, (kh, kw), (b, p, q, d), c = g.stride, g.taps, y.shape, x.shape[-1]
    before = plain.padding_before(g, y)
    # Blocks of s x s pixels, as many as taps reach from the first output to the last, rows of a block apart.
    high, wide = (out + -(-taps // s) - 1 for out, taps in zip((p, q), g.taps, strict=True))
    behind = (n * s - size - first for n, size, first in zip((high, wide), g.inputs, before, strict=True))
    x = jnp.pad(x, ((0, 0), *zip(before, behind, strict=True), (0, 0))).reshape(b, high, s, wide, s * c)
    y = jnp.pad(y, ((0, 0), (0, 0), (wide - q, wide - q), (0, 0)))
    size = 4 * b * p * wide * (kh * s * c + (wide - q + 1) * d)
    made = jnp.zeros((), x.dtype)
    for rows in strips(p, size):
        # Each in the memory of the one before; a loop would leave all cores but one idle.
        x, y, made = jax.lax.optimization_barrier((x, y, made))
        made += _correlate(g, x[:, rows.start : rows.stop + high - p], y[:, rows])
    made = made.reshape(kh, s, c, -1, d).transpose(0, 3, 1, 2, 4)
    return made.reshape(kh, -1, c, d)[:, :kw]


def strips(rows: int, size: int) -> list[slice]:
    """Returns strips of as many rows each, of which `size` bytes are made in all."""
    counts = [n for n in range(1, _MOST_STRIPS + 1) if rows % n == 0]
    count = next((n for n in counts if size <= n * _MOST_BYTES), counts[-1])
    return [slice(first, first + rows // count) for first in range(0, rows, rows // count)]


def _correlate(g: Sampling, x: Float[Array, "b n s m sc"], y: Float[Array, "b p v d"]) -> Float[Array, "k l"]:
    """Returns all products of a strip: of the rows beside each block of `x`, and the columns beside each of `y`."""
    high, wide = y.shape[1], x.shape[3]
    rows = [divmod(row, g.stride) for row in range(g.taps[0])]
    beside_x = jnp.stack([x[:, block : block + high, row] for block, row in rows], axis=3)
    beside_y = jnp.stack([y[:, :, first : first + wide] for first in reversed(range(y.shape[2] - wide + 1))], axis=3)
    pixels = x.shape[0] * high * wide
    return sum_of_products(beside_x.reshape(pixels, -1), beside_y.reshape(pixels, -1))


def sum_of_products(x: Float[Array, "n k"], y: Float[Array, "n l"]) -> Float[Array, "k l"]:
    """Returns all products of the entries of a pixel of `x` and of `y`, summed over pixels."""
    # Not fused into the product, which would copy them anew for each of its blocks.
    x, y = jax.lax.optimization_barrier((x, y))
    parts = 2 if len(x) >= _LONG_SUM and len(x) % 2 == 0 else 1
    x, y = (array.reshape(parts, len(x) // parts, -1) for array in (x, y))
    return jax.lax.dot_general(x, y, (((1,), (1,)), ((0,), (0,)))).sum(0)
