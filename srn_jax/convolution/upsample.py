"""Nearest x2 and a 3 x 3 convolution in one: the plain form, and one in a quarter of the operations."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from srn_jax import ops
from srn_jax.backend import fewer_operations_pay
from srn_jax.convolution.conv import conv, varying_alike


def upsample_conv(x: Float[Array, "b h w c"], kernel: Float[Array, "3 3 c d"]) -> Float[Array, "b 2*h 2*w d"]:
    """Returns the SAME convolution of `x` with every pixel repeated 2 x 2."""
    if fewer_operations_pay(x.dtype):
        return by_nine_products(*varying_alike(x, kernel))
    return plain(x, kernel)


def plain(x: Float[Array, "b h w c"], kernel: Float[Array, "3 3 c d"]) -> Float[Array, "b 2*h 2*w d"]:
    """Returns what the name says, in plain words: the reference."""
    return conv(ops.upsample_x2(x), kernel)


@jax.custom_vjp
def by_nine_products(x: Float[Array, "b h w c"], kernel: Float[Array, "3 3 c d"]) -> Float[Array, "b 2*h 2*w d"]:
    """Returns the same with 9 products a channel and pixel of `x` in place of 36.

    Along one axis, zeros beyond the border, pixel i becomes
        y_{2i}     = k_0 x_{i-1} + (k_1 + k_2) x_i = (k_0 + k_1 + k_2) x_i + k_0 (x_{i-1} - x_i),
        y_{2i + 1} = (k_0 + k_1) x_i + k_2 x_{i+1} = (k_0 + k_1 + k_2) x_i + k_2 (x_{i+1} - x_i):
    3 products for 2 outputs, and along both axes 9 for 4. All are matrix products, and so are their gradients: XLA's
    own gradient of this pads and adds where the one below sums first.
    """
    x = jax.lax.optimization_barrier(x)  # else what made it is computed for each of its uses
    m = _per_pair(lambda differences, k: _product(differences, k, 0), _differences(x), _split_kernel(kernel))
    y = [[m[0][0] + m[0][b] + m[a][0] + m[a][b] for b in (1, 2)] for a in (1, 2)]
    stacked = jnp.stack([jnp.stack(row, axis=3) for row in y], axis=2)
    return stacked.reshape(x.shape[0], 2 * x.shape[1], 2 * x.shape[2], -1)


def _forward(x: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
    return by_nine_products(x, kernel), (x, kernel)


def _backward(kept: tuple[Array, Array], y: Float[Array, "b oh ow d"]) -> tuple[Array, Array]:
    x, kernel = kept
    x, y = jax.lax.optimization_barrier((x, y))
    b, h, w, _ = x.shape
    folded = y.reshape(b, h, 2, w, 2, -1)
    corners = [[folded[:, :, i, :, j] for j in range(2)] for i in range(2)]
    rows, columns = [c[0] + c[1] for c in corners], [corners[0][j] + corners[1][j] for j in range(2)]
    m = [[rows[0] + rows[1], *columns], [rows[0], *corners[0]], [rows[1], *corners[1]]]
    # Minus twice, as in winograd.py: XLA would else keep the forward pass's differences for this.
    of_kernel = _per_pair(lambda differences, m: _sum_of_products(differences, -m), _differences(-x), m)
    of_differences = _per_pair(lambda m, k: _product(m, k, 1), m, _split_kernel(kernel))
    return _differences_transposed(of_differences), _split_kernel_transposed(of_kernel)


by_nine_products.defvjp(_forward, _backward)

_Nine = list[list[Array]]  # [along rows][along columns]: of the pixel itself, of the one before, of the one after


def _per_pair(function: Callable[[Array, Array], Array], one: _Nine, other: _Nine) -> _Nine:
    return [[function(a, b) for a, b in zip(*rows, strict=True)] for rows in zip(one, other, strict=True)]


def _split_kernel(kernel: Float[Array, "3 3 c d"]) -> _Nine:
    """Returns the taps' sum, the one before and the one after, along both axes."""
    rows = [kernel[0] + kernel[1] + kernel[2], kernel[0], kernel[2]]
    return [[row[0] + row[1] + row[2], row[0], row[2]] for row in rows]


def _split_kernel_transposed(parts: _Nine) -> Float[Array, "3 3 c d"]:
    rows = [jnp.stack([row[0] + row[1], row[0], row[0] + row[2]]) for row in parts]
    return jnp.stack([rows[0] + rows[1], rows[0], rows[0] + rows[2]])


def _differences(x: Float[Array, "b h w c"]) -> _Nine:
    """Returns x, and what the pixel before and the one after have more than it, along both axes."""

    def along(x: Array, axis: int) -> list[Array]:
        return [x, _shift(x, axis, 1) - x, _shift(x, axis, -1) - x]

    return [along(row, 2) for row in along(x, 1)]


def _differences_transposed(parts: _Nine) -> Float[Array, "b h w c"]:
    def along(parts: list[Array], axis: int) -> Array:
        return parts[0] - parts[1] - parts[2] + _shift(parts[1], axis, -1) + _shift(parts[2], axis, 1)

    return along([along(row, 2) for row in parts], 1)


def _shift(x: Array, axis: int, by: int) -> Array:
    """Returns `x` moved by one pixel towards the end (1) or the beginning (-1), zeros in what is left."""
    border = [(0, 0)] * x.ndim
    border[axis] = (by, -by)
    moved: Any = [(before, after, 0) for before, after in border]
    return jax.lax.pad(x, jnp.zeros((), x.dtype), moved)


def _product(x: Float[Array, "b h w k"], kernel: Float[Array, "c d"], contracted: int) -> Float[Array, "b h w m"]:
    return jax.lax.dot_general(x, kernel, (((3,), (contracted,)), ((), ())))


def _sum_of_products(x: Float[Array, "b h w c"], y: Float[Array, "b h w d"]) -> Float[Array, "c d"]:
    return jnp.einsum("tc,td->cd", x.reshape(-1, x.shape[-1]), y.reshape(-1, y.shape[-1]))
