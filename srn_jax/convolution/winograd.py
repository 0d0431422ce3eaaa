"""3 x 3 convolution of stride 1 by Winograd's F(2 x 2, 3 x 3): 16 products a channel for 4 outputs in place of 36.

Lavin & Gray, *Fast Algorithms for Convolutional Neural Networks*, CVPR 2016. Transforms are written as sums of shifted
slices, products as 16 matrix products over all tiles; a dilated convolution is one over each of its sub-grids. Both
adjoints are of the same kind: that in the input is a convolution with the kernel turned round, that in the kernel 16
matrix products as well.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from srn_jax.convolution.plain import Geometry

# Of transformed inputs and products, above which moving them costs more than fewer operations save (measured on a CPU).
_MOST_BYTES = 2**25
_FEWEST_CHANNELS = 64


def suits(g: Geometry, ins: int, outs: int) -> bool:
    """Returns whether the form exists for this convolution, and is faster than XLA's on a CPU."""
    whole_tiles = all(side % (2 * g.dilation) == 0 for side in g.inputs)
    there = g.taps == (3, 3) and g.stride == 1 and whole_tiles
    return there and min(ins, outs) >= _FEWEST_CHANNELS and _bytes(g, ins, outs) <= _MOST_BYTES


def output(g: Geometry, x: Float[Array, "b h w c"], kernel: Float[Array, "3 3 c d"]) -> Float[Array, "b h w d"]:
    """Returns the convolution of `x`."""
    kernels = _transform_kernel(kernel)

    def convolve(x: Array) -> Array:
        return _inverse([_product(tile, k, 0) for tile, k in zip(_tiles(x, g.dilation), kernels, strict=True)])

    return _by_groups(g, kernel.shape[2:], convolve, x).reshape(*x.shape[:3], -1)


def input_gradient(g: Geometry, y: Float[Array, "b h w d"], kernel: Float[Array, "3 3 c d"]) -> Float[Array, "b h w c"]:
    """Returns the gradient of <y, output(x, kernel)> in x: y convolved with the kernel turned by half a circle."""
    kernels = _transform_kernel(kernel[::-1, ::-1])

    def convolve(y: Array) -> Array:
        return _inverse([_product(tile, k, 1) for tile, k in zip(_tiles(y, g.dilation), kernels, strict=True)])

    return _by_groups(g, kernel.shape[2:], convolve, y).reshape(*y.shape[:3], -1)


def kernel_gradient(g: Geometry, x: Float[Array, "b h w c"], y: Float[Array, "b h w d"]) -> Float[Array, "3 3 c d"]:
    """Returns the gradient of <y, output(x, kernel)> in the kernel.

    It is taken of -x and -y, which is the same: XLA would else find that the forward pass has transformed x already,
    and keep that, four times as large as x, until here.
    """

    def correlate(x: Array, y: Array) -> Array:
        spread = _inverse_transposed(-y, g.dilation)
        products = [_sum_of_products(tile, s) for tile, s in zip(_tiles(-x, g.dilation), spread, strict=True)]
        return _transform_kernel_transposed(products)[None]

    return _by_groups(g, (x.shape[-1], y.shape[-1]), correlate, x, y).sum(0)


def _bytes(g: Geometry, ins: int, outs: int) -> int:
    return 16 * (g.inputs[0] // 2) * (g.inputs[1] // 2) * (ins + outs) * 4


def _by_groups(g: Geometry, channels: tuple[int, ...], function: Callable[..., Array], *arrays: Array) -> Array:
    """Returns function(*arrays), of as many images at a time as stay within the bytes; groups on a leading axis."""
    batch, fit = arrays[0].shape[0], max(1, _MOST_BYTES // _bytes(g, channels[0], channels[1]))
    group = max(size for size in range(1, min(fit, batch) + 1) if batch % size == 0)
    if group == batch:
        return function(*arrays)
    groups = [array.reshape(-1, group, *array.shape[1:]) for array in arrays]
    made = jax.lax.map(lambda parts: function(*parts), tuple(groups))
    return made.reshape(-1, *made.shape[2:])


def _fold(x: Float[Array, "b h w c"], dilation: int) -> Float[Array, "b p 2 e q 2 e c"]:
    """Returns `x` with rows and columns split into pairs of neighbours on each of the dilation's sub-grids."""
    b, h, w, c = x.shape
    return x.reshape(b, h // (2 * dilation), 2, dilation, w // (2 * dilation), 2, dilation, c)


def _tiles(x: Float[Array, "b h w c"], dilation: int) -> list[Float[Array, "b p e q e c"]]:
    """Returns B^T d B of all tiles d: 16 maps of a quarter of the size."""
    border = (dilation, dilation)
    x = _fold(jnp.pad(jax.lax.optimization_barrier(x), ((0, 0), border, border, (0, 0))), dilation)
    p, q = x.shape[1] - 1, x.shape[4] - 1
    rows = _differences([x[:, i // 2 : i // 2 + p, i % 2] for i in range(4)])
    return [made for row in rows for made in _differences([row[:, :, :, j // 2 : j // 2 + q, j % 2] for j in range(4)])]


def _differences(d: list[Array]) -> list[Array]:
    return [d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]]


def _transform_kernel(kernel: Float[Array, "3 3 c d"]) -> list[Float[Array, "c d"]]:
    """Returns G k G^T, 16 matrices."""

    def along(k: list[Array]) -> list[Array]:
        outer, middle = 0.5 * (k[0] + k[2]), 0.5 * k[1]
        return [k[0], outer + middle, outer - middle, k[2]]

    return [made for row in along(list(kernel)) for made in along(list(row))]


def _transform_kernel_transposed(products: list[Float[Array, "c d"]]) -> Float[Array, "3 3 c d"]:
    """Returns G^T u G of 16 matrices u."""

    def along(u: list[Array]) -> list[Array]:
        both = 0.5 * (u[1] + u[2])
        return [u[0] + both, 0.5 * (u[1] - u[2]), both + u[3]]

    columns = [along([products[4 * i + j] for i in range(4)]) for j in range(4)]
    return jnp.stack([jnp.stack(along([column[i] for column in columns])) for i in range(3)])


def _inverse(m: list[Float[Array, "b p e q e d"]]) -> Float[Array, "b h w d"]:
    """Returns A^T m A of 16 maps m, put side by side."""

    def along(m: list[Array]) -> list[Array]:
        return [m[0] + m[1] + m[2], m[1] - m[2] - m[3]]

    columns = [along([m[4 * i + j] for i in range(4)]) for j in range(4)]
    rows = [jnp.stack(along([column[a] for column in columns]), axis=4) for a in range(2)]
    y = jnp.stack(rows, axis=2)
    b, p, _, e, q, _, _, d = y.shape
    return y.reshape(b, p * 2 * e, q * 2 * e, d)


def _inverse_transposed(y: Float[Array, "b h w d"], dilation: int) -> list[Float[Array, "b p e q e d"]]:
    """Returns A y A^T of all 2 x 2 outputs y: 16 maps of a quarter of the size."""

    def along(y: list[Array]) -> list[Array]:
        return [y[0], y[0] + y[1], y[0] - y[1], -y[1]]

    folded = _fold(y, dilation)
    rows = along([folded[:, :, a] for a in range(2)])
    return [made for row in rows for made in along([row[:, :, :, :, a] for a in range(2)])]


def _product(tile: Float[Array, "b p e q e k"], kernel: Float[Array, "c d"], contracted: int) -> Array:
    return jax.lax.dot_general(tile, kernel, (((tile.ndim - 1,), (contracted,)), ((), ())))


def _sum_of_products(x: Float[Array, "b p e q e c"], y: Float[Array, "b p e q e d"]) -> Float[Array, "c d"]:
    return jnp.einsum("tc,td->cd", x.reshape(-1, x.shape[-1]), y.reshape(-1, y.shape[-1]))
