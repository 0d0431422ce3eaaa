"""Matching: for each patch of the canvas, the patch of the photograph that is most like it.

A match is the number of a pixel of the photograph, row by row: the middle of the patch.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from srn_jax.detail.pyramid import REACH
from srn_jax.detail.source import Basis, patch_features

NONE = -1  # the match of a pixel beyond the canvas
FAR = 4  # pixels, the farther of the neighbors whose matches are tried
_SIDES = ((0, 1), (0, -1), (1, 0), (-1, 0))
_TRIES = 3  # random ones a pixel, each within a third of the last one's radius
BLOCK = 2048  # source patches at a time in the exhaustive search
_LITTLE = 1e-6  # of squared difference, so that equal patches are told apart by their neighbors


@jax.jit
def search_all(
    features: Float[Array, "t c"], candidates: Float[Array, "n c"], penalty: Float[Array, " n"]
) -> Int[Array, " t"]:
    """Returns the number of the nearest of all candidates by squared distance and `penalty`.

    The first of those that are equally near. `n` is a multiple of 2,048; pad with an infinite penalty.
    """

    def visit(best: tuple[Array, Array], block: tuple[Array, Array, Array]) -> tuple[tuple[Array, Array], None]:
        start, some, cost = block
        product = jnp.einsum("tc,nc->tn", features, some, precision=jax.lax.Precision.HIGHEST)
        distance = (jnp.square(some).sum(axis=-1) + cost)[None, :] - 2 * product
        nearest = distance.min(axis=1)
        numbers = jnp.arange(BLOCK)[None, :]
        first = jnp.where(distance == nearest[:, None], numbers, BLOCK).min(axis=1)
        better = nearest < best[1]
        return (jnp.where(better, start + first, best[0]), jnp.where(better, nearest, best[1])), None

    blocks = len(candidates) // BLOCK
    count = len(features)
    start = jnp.zeros(count, jnp.int32), jnp.full(count, jnp.inf)
    parts = jnp.arange(blocks) * BLOCK, candidates.reshape(blocks, BLOCK, -1), penalty.reshape(blocks, BLOCK)
    (found, _), _ = jax.lax.scan(visit, start, parts)
    return found


@jax.jit
def refine(
    image: Float[Array, "h6 w6 3"],
    layout: Float[Array, "h w l"],
    matches: Int[Array, "h8 w8"],
    features: Float[Array, "n c"],
    size: Int[Array, " 2"],
    basis: Basis,
    box: Int[Array, " 4"],
    corner: Int[Array, " 2"],
    key: Key[Array, ""],
    radius: Float[Array, ""],
    coherence: Float[Array, ""],
) -> tuple[Int[Array, "h w"], Float[Array, "h w"]]:
    """Returns better matches of a tile, and the squared differences of their patches (PatchMatch, Barnes et al. 2009).

    Each pixel tries what its neighbors at 1 and 4 pixels suggest, as they were before, and random matches near its
    best one. A match counts as nearer the more of its four neighbors go on with it: `coherence` is the share of the
    distance that is taken off where all do, so that pieces of the photograph stay whole. What is drawn for a pixel
    follows from the key and its place on the canvas: tiles of any size give the same.

    Args:
      image: the tile with 3 pixels around it, hence h6 = h + 6.
      layout: what is compared beside the patches, scaled to count as it should.
      matches: those of the tile and 4 pixels around it, `NONE` beyond the canvas.
      features: of the photograph's patches, row by row; `size` is its (height, width).
      box: the photograph's (top, left, height, width) on the canvas; patches that lie within it match themselves.
      corner: the tile's (top, left).
      radius: pixels around the best match that random ones are drawn from.
    """
    height, width, _ = layout.shape
    rows, columns = size[0], size[1]
    wanted = jnp.concatenate([patch_features(image, basis), layout], axis=-1).reshape(height * width, -1)
    y, x = corner[0] + jnp.arange(height)[:, None], corner[1] + jnp.arange(width)[None, :]

    def number(row: Array, column: Array) -> Array:
        """Returns the nearest match whose patch lies within the photograph."""
        return row.clip(REACH, rows - 1 - REACH) * columns + column.clip(REACH, columns - 1 - REACH)

    def suggested(shift: Array) -> Array:
        """Returns the matches that go on with those of the neighbors `shift` pixels away."""
        there = jax.lax.dynamic_slice(matches, (FAR + shift[0], FAR + shift[1]), (height, width))
        going_on = number(there // columns - shift[0], there % columns - shift[1])
        return jnp.where(there < 0, NONE, going_on).reshape(-1)

    beside = [suggested(jnp.array(side)) for side in _SIDES]

    def rated(tried: Array) -> tuple[Array, Array, Array]:
        distance = jnp.square(features.at[tried].get(mode="clip") - wanted).sum(axis=-1)
        agreeing = sum((tried == other).astype(jnp.float32) for other in beside) / len(_SIDES)
        rating = (distance + _LITTLE) * (1 - coherence * agreeing)
        return tried, distance, jnp.where(tried < 0, jnp.inf, rating)

    def better(one: tuple[Array, ...], other: tuple[Array, ...]) -> tuple[Array, ...]:
        return tuple(jnp.where(other[2] < one[2], b, a) for a, b in zip(one, other, strict=True))

    shifts = jnp.array([*_SIDES, *((FAR * a, FAR * b) for a, b in _SIDES)])
    best = rated(suggested(jnp.array((0, 0))))
    best, _ = jax.lax.scan(lambda best, shift: (better(best, rated(suggested(shift))), None), best, shifts)

    in_row = jax.vmap(jax.random.fold_in, (None, 0))(key, y[:, 0])
    drawn = jax.vmap(jax.vmap(jax.random.fold_in, (None, 0)), (0, None))(in_row, x[0])
    bits = jax.random.key_data(drawn).reshape(height * width, 2)

    def try_at_random(best: tuple[Array, ...], number_of_try: Array) -> tuple[tuple[Array, ...], None]:
        within = jnp.maximum(radius / 3.0**number_of_try, 1.0)
        share = (bits >> (10 * number_of_try).astype(jnp.uint32)) & 1023
        away = jnp.round((share / 511.5 - 1.0) * within).astype(jnp.int32)
        return better(best, rated(number(best[0] // columns + away[:, 0], best[0] % columns + away[:, 1]))), None

    best, _ = jax.lax.scan(try_at_random, best, jnp.arange(_TRIES))
    row, column = y - box[0], x - box[1]
    inside = (row >= REACH) & (row < rows - REACH) & (column >= REACH) & (column < columns - REACH)
    found = jnp.where(inside, row * columns + column, best[0].reshape(height, width))
    return found, jnp.where(inside, 0.0, best[1].reshape(height, width))
