"""Convolution of stride 1 by minimal filtering F(m x m, r x r): (m + r - 1)^2 products for m^2 outputs, not (m r)^2.

Winograd, *Arithmetic Complexity of Computations*, 1980; Lavin & Gray, *Fast Algorithms for Convolutional Neural
Networks*, CVPR 2016. Tiles of m = 4 take a quarter of the products of 3 x 3 taps, and of m = 2, where those do not fit,
4 of 9. A dilated convolution is one over each of its sub-grids. Both adjoints are of the same kind: that in the input
is a convolution with the kernel turned round, that in the kernel takes the same tiles.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from srn_jax.convolution.plain import Sampling

_TILES = {3: (4, 2), 5: (4,)}  # m by r, the best first
_POINTS = {  # at which polynomials are interpolated, by m + r - 1; infinity besides
    4: (0.0, 1.0, -1.0),
    6: (0.0, 0.5**0.5, -(0.5**0.5), 2**0.5, -(2**0.5)),
    8: (0.0, 0.5, -0.5, 1.0, -1.0, 2.0, -2.0),
}
# Of transformed inputs and products: what is larger goes by strips and images, one after the other.
_MOST_BYTES = 2**26
_FEWEST_CHANNELS = 32
_SUMS_OF_ONE_CORE = 320  # XLA's own convolution of no more products for an output leaves the other cores idle
# Of products that are spared by values that are transformed, so that it pays: by benchmarks.convolutions, n = 16 to 64.
_LEAST_GAIN = {"kernel_gradient": 25, "one core": 21, "small map": 24, "large map": 40}

_Matrix = Float[np.ndarray, "_ _"]


def exists(g: Sampling) -> bool:
    """Returns whether this convolution has the form: stride 1, 3 x 3 or 5 x 5 taps, whole tiles."""
    return g.stride == 1 and g.taps[0] == g.taps[1] and g.taps[0] in _TILES and _tile(g) > 0


def suits(part: str, g: Sampling, ins: int, outs: int) -> bool:
    """Returns whether the form exists for this part of a convolution, and is faster than XLA's on a CPU."""
    if not exists(g) or min(ins, outs) < _FEWEST_CHANNELS:
        return False
    gain = ins * outs / (ins + outs)
    if part == "kernel_gradient":
        return gain >= _LEAST_GAIN["kernel_gradient"]
    # XLA's own 5 x 5 runs at the cores' peak but in the kernel's gradient, and so does its 3 x 3 on large maps.
    if g.taps[0] != 3 or transformed_bytes(g, ins, outs) > _MOST_BYTES:
        return False
    read = ins if part == "output" else outs
    where = "one core" if 9 * read <= _SUMS_OF_ONE_CORE else "small map" if max(g.inputs) <= 64 else "large map"
    return gain >= _LEAST_GAIN[where]


def output(g: Sampling, x: Float[Array, "b h w c"], kernel: Float[Array, "r r c d"]) -> Float[Array, "b h w d"]:
    """Returns the convolution of `x`."""
    of_inputs, of_kernel, of_products = transforms(_tile(g), g.taps[0])
    # Bound to x: XLA would else transform the kernels of all layers before a loop over parts of a batch, and keep them.
    x, kernel = jax.lax.optimization_barrier((x, kernel))
    kernels = _transformed(of_kernel, kernel)

    def convolve(x: Array) -> Array:
        tiles = _transformed(of_inputs, _overlapping_tiles(g, x))
        products = jax.lax.dot_general(tiles, kernels, (((2,), (1,)), ((0,), (0,))))
        return _put_together(g, _transformed(of_products, products))

    return _by_parts(g, kernel.shape[2:], convolve, x).reshape(*x.shape[:3], -1)


def input_gradient(g: Sampling, y: Float[Array, "b h w d"], kernel: Float[Array, "r r c d"]) -> Float[Array, "b h w c"]:
    """Returns the gradient of <y, output(x, kernel)> in x: y convolved with the kernel turned by half a circle."""
    return output(g, y, kernel[::-1, ::-1].swapaxes(2, 3))


def kernel_gradient(g: Sampling, x: Float[Array, "b h w c"], y: Float[Array, "b h w d"]) -> Float[Array, "r r c d"]:
    """Returns the gradient of <y, output(x, kernel)> in the kernel.

    It is taken of -x and -y, which is the same: XLA would else find that the forward pass has transformed x already,
    and keep that, more than twice as large as x, until here.
    """
    of_inputs, of_kernel, of_products = transforms(_tile(g), g.taps[0])

    def correlate(x: Array, y: Array) -> Array:
        tiles = _transformed(of_inputs, _overlapping_tiles(g, x))
        spread = _transformed(of_products.T, _take_apart(g, y))
        products = jax.lax.dot_general(tiles, spread, (((1,), (1,)), ((0,), (0,))))
        return _transformed(of_kernel.T, products)[None]

    gradient = _by_parts(g, (x.shape[-1], y.shape[-1]), correlate, -x, -y).sum(0)
    return gradient.reshape(*g.taps, x.shape[-1], y.shape[-1])


def _tile(g: Sampling) -> int:
    """Returns the side m of tiles that fit a whole number of times, 0 where none do."""
    return next((m for m in _TILES[g.taps[0]] if all(side % (m * g.dilation) == 0 for side in g.inputs)), 0)


def transformed_bytes(g: Sampling, ins: int, outs: int) -> int:
    """Returns how many bytes of inputs and products it has in memory, of one picture in float32."""
    m = _tile(g)
    return (m + g.taps[0] - 1) ** 2 * (g.inputs[0] // m) * (g.inputs[1] // m) * (ins + outs) * 4


def transforms(outs: int, taps: int) -> tuple[_Matrix, _Matrix, _Matrix]:
    """Returns B^T, G and A^T, with which A^T ((G k) * (B^T d)) is the correlation of m + r - 1 inputs d with r taps k.

    Each finite point p gives a row: of G its powers, of A^T a column of them, and of B^T the coefficients of the
    polynomial that is zero at all other points; infinity gives the highest ones. This is Toom and Cook's product of two
    polynomials by interpolation, transposed.

    Args:
      outs: m, the outputs of a tile.
      taps: r; m + r - 1 is 4, 6 or 8.
    """
    size = outs + taps - 1
    points = np.array(_POINTS[size])
    of_inputs, of_kernel, of_products = np.zeros((size, size)), np.zeros((size, taps)), np.zeros((outs, size))
    for number, point in enumerate(points):
        others = np.delete(points, number)
        of_inputs[number, :-1] = np.poly(others)[::-1]
        of_kernel[number] = point ** np.arange(taps) / np.prod(point - others)
        of_products[:, number] = point ** np.arange(outs)
    of_inputs[-1], of_kernel[-1, -1], of_products[-1, -1] = np.poly(points)[::-1], 1.0, 1.0
    return of_inputs, of_kernel, of_products


def _transformed(matrix: _Matrix, grid: Float[Array, "*grid c d"]) -> Float[Array, "k c d"]:
    """Returns matrix . grid . matrix^T of a grid of maps or matrices.

    It is one product with a Kronecker matrix: XLA would fuse sums of maps into all that uses them, and take them anew
    for each use.
    """
    both = jnp.asarray(np.kron(matrix, matrix), grid.dtype)
    return jnp.dot(both, grid.reshape(both.shape[1], -1)).reshape(-1, *grid.shape[-2:])


def _overlapping_tiles(g: Sampling, x: Float[Array, "b h w c"]) -> Float[Array, "k t c"]:
    """Returns all t tiles of (m + r - 1)^2 inputs of a padded `x`."""
    m, e = _tile(g), g.dilation
    blocks = _blocks(x, m, e)
    p, q = blocks.shape[1] - 1, blocks.shape[4] - 1
    places = [divmod(i, m) for i in range(m + g.taps[0] - 1)]
    maps = [blocks[:, a : a + p, i, :, b : b + q, j] for a, i in places for b, j in places]
    return jnp.stack(maps).reshape(len(maps), -1, x.shape[-1])


def _take_apart(g: Sampling, y: Float[Array, "b h w d"]) -> Float[Array, "k t d"]:
    """Returns all t tiles of m^2 outputs."""
    m = _tile(g)
    return _blocks(y, m, g.dilation).transpose(2, 5, 0, 1, 3, 4, 6, 7).reshape(m * m, -1, y.shape[-1])


def _put_together(g: Sampling, tiles: Float[Array, "k t d"]) -> Float[Array, "n w d"]:
    """Returns what `_take_apart` takes apart, rows of all images in one."""
    m, e, width = _tile(g), g.dilation, g.inputs[1]
    apart = tiles.reshape(m, m, -1, e, width // (m * e), e, tiles.shape[-1])
    return apart.transpose(2, 0, 3, 4, 1, 5, 6).reshape(-1, width, tiles.shape[-1])


def _blocks(x: Float[Array, "b h w c"], m: int, dilation: int) -> Float[Array, "b p m e q m e c"]:
    """Returns `x` with rows and columns split into tiles of m neighbours on each of the dilation's sub-grids."""
    b, h, w, c = x.shape
    return x.reshape(b, h // (m * dilation), m, dilation, w // (m * dilation), m, dilation, c)


def _by_parts(
    g: Sampling, channels: tuple[int, ...], function: Callable[..., Array], x: Float[Array, "b h w c"], *more: Array
) -> Array:
    """Returns function(padded x, *more), of as many images or strips of one at a time as stay within the bytes.

    What is made of several parts lies along its first axis.
    """
    block = _tile(g) * g.dilation
    before = (g.taps[0] - 1) // 2 * g.dilation
    border = (before, block - before)  # behind, as much as makes one more tile
    x = jnp.pad(x, ((0, 0), border, border, (0, 0)))
    size, blocks = transformed_bytes(g, channels[0], channels[1]), g.inputs[0] // block
    strips = min(n for n in range(1, blocks + 1) if blocks % n == 0 and (size <= n * _MOST_BYTES or n == blocks))
    if strips > 1:
        rows = g.inputs[0] // strips
        cut = [x[:, n * rows : (n + 1) * rows + block] for n in range(strips)]
        x = jnp.stack(cut, axis=1).reshape(-1, rows + block, *x.shape[2:])
        more = tuple(array.reshape(-1, rows, *array.shape[2:]) for array in more)
    count, fit = len(x), max(1, _MOST_BYTES * strips // size)
    group = max(n for n in range(1, min(fit, count) + 1) if count % n == 0)
    if group == count:
        return function(x, *more)
    groups = [array.reshape(-1, group, *array.shape[1:]) for array in (x, *more)]
    made = jax.lax.map(lambda parts: function(*parts), tuple(groups))
    return made.reshape(-1, *made.shape[2:])
