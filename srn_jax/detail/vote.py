"""Voting: each pixel's color is the weighted mean of what the matches of all patches over it say."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from srn_jax.detail.pyramid import PATCH, REACH
from srn_jax.detail.source import Source

Says = Callable[[Array, Array], list[tuple[Array, Array]]]  # (row, column) of the photograph -> values, whether there
_TINY = 1e-37
_FARTHEST = 60.0  # of a logarithm of a weight, so that no weight is 0


@jax.jit
def vote(
    matches: Int[Array, "h6 w6"],
    distances: Float[Array, "h6 w6"],
    source: Source,
    box: Int[Array, " 4"],
    corner: Int[Array, " 2"],
    spread: Float[Array, ""],
    doubt: Float[Array, ""],
) -> Float[Array, "h w 3"]:
    """Returns the colors of a tile.

    A patch counts exp(-distance / spread), times exp(-doubt d), d its distance to the photograph: what lies near it
    decides (Wexler et al., 2007). On the photograph colors are its own; beyond the canvas they mean nothing.

    Args:
      matches, distances: of the tile and 3 pixels around it, as `refine` returns them.
      box: the photograph's (top, left, height, width) on the canvas.
      corner: the tile's (top, left).
    """
    weights = _weights(matches, distances, box, corner, spread, doubt)

    def says(row: Array, column: Array) -> list[tuple[Array, Array]]:
        return [(_at(source, row, column), row == row)]

    [(color, _)] = _means(says, matches, weights, source)
    return _with_own(color, source, box, corner)[0]


@jax.jit
def vote_with_steps(
    matches: Int[Array, "h8 w8"],
    distances: Float[Array, "h8 w8"],
    source: Source,
    box: Int[Array, " 4"],
    corner: Int[Array, " 2"],
    spread: Float[Array, ""],
    doubt: Float[Array, ""],
) -> tuple[Float[Array, "h w 3"], Float[Array, "h w 3"]]:
    """Returns the colors of a tile as `vote` does, and what they lack to the steps that the matches say.

    The steps from a pixel to the next ones to the right and downward are voted for like colors (Darabi et al., 2012).
    The second array is the divergence of their difference to the colors' own steps: what `level_tones` makes good.

    Args:
      matches, distances: of the tile and 4 pixels around it.
    """
    corner = corner - 1  # a pixel more on each side, for the steps
    weights, (rows, columns) = _weights(matches, distances, box, corner, spread, doubt), source.size

    def says(row: Array, column: Array) -> list[tuple[Array, Array]]:
        color = _at(source, row, column)
        right, down = jnp.minimum(column + 1, columns - 1), jnp.minimum(row + 1, rows - 1)
        return [
            (color, row == row),
            (_at(source, row, right) - color, right > column),
            (_at(source, down, column) - color, down > row),
        ]

    (color, heard), (to_right, heard_right), (downward, heard_down) = _means(says, matches, weights, source)
    color, known = _with_own(color, source, box, corner)
    there = known | heard
    lacks_right = to_right[:, :-1] - (color[:, 1:] - color[:, :-1])
    lacks_right = jnp.where(heard_right[:, :-1] & there[:, 1:] & there[:, :-1], lacks_right, 0.0)
    lacks_down = downward[:-1] - (color[1:] - color[:-1])
    lacks_down = jnp.where(heard_down[:-1] & there[1:] & there[:-1], lacks_down, 0.0)
    lacking = lacks_right[1:-1, :-1] - lacks_right[1:-1, 1:] + lacks_down[:-1, 1:-1] - lacks_down[1:, 1:-1]
    return color[1:-1, 1:-1], lacking


def _weights(
    matches: Int[Array, "h w"], distances: Float[Array, "h w"], box: Array, corner: Array, spread: Array, doubt: Array
) -> Float[Array, "h w"]:
    """Returns how much each patch counts; not at all those that lie beyond the canvas."""
    y = corner[0] - REACH + jnp.arange(matches.shape[0])[:, None]
    x = corner[1] - REACH + jnp.arange(matches.shape[1])[None, :]
    down = jnp.maximum(jnp.maximum(box[0] - y, y - (box[0] + box[2] - 1)), 0)
    across = jnp.maximum(jnp.maximum(box[1] - x, x - (box[1] + box[3] - 1)), 0)
    away = jnp.sqrt(jnp.float32(down) ** 2 + jnp.float32(across) ** 2)
    return jnp.where(matches < 0, 0.0, jnp.exp(-jnp.minimum(distances / spread + doubt * away, _FARTHEST)))


def _means(
    says: Says, matches: Int[Array, "h6 w6"], weights: Float[Array, "h6 w6"], source: Source
) -> list[tuple[Float[Array, "h w 3"], Bool[Array, "h w 1"]]]:
    """Returns the weighted means of what all patches over each pixel say, and whether any says something."""
    height, width = matches.shape[0] - 2 * REACH, matches.shape[1] - 2 * REACH

    def count(sums: list[Array], place: Array) -> tuple[list[Array], None]:
        match, weight = (
            jax.lax.dynamic_slice(one, (REACH + place[0], REACH + place[1]), (height, width))
            for one in (matches, weights)
        )
        said = says(match // source.size[1] - place[0], match % source.size[1] - place[1])
        counted = [(values, jnp.where(there, weight, 0.0)[..., None]) for values, there in said]
        new = [jnp.concatenate([values * weight, weight], axis=-1) for values, weight in counted]
        return [a + b for a, b in zip(sums, new, strict=True)], None

    places = jnp.stack(jnp.meshgrid(*[jnp.arange(PATCH) - REACH] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    start = [jnp.zeros((height, width, 4)) for _ in says(places[0, 0], places[0, 1])]
    sums, _ = jax.lax.scan(count, start, places)
    return [(one[..., :3] / jnp.maximum(one[..., 3:], _TINY), one[..., 3:] > _TINY) for one in sums]


def _with_own(
    color: Float[Array, "h w 3"], source: Source, box: Array, corner: Array
) -> tuple[Float[Array, "h w 3"], Bool[Array, "h w 1"]]:
    """Returns the colors with the photograph's own at its place, and where that is."""
    (rows, columns), height, width = source.size, color.shape[0], color.shape[1]
    y, x = corner[0] + jnp.arange(height)[:, None] - box[0], corner[1] + jnp.arange(width)[None, :] - box[1]
    known = ((y >= 0) & (y < rows) & (x >= 0) & (x < columns))[..., None]
    return jnp.where(known, _at(source, y.clip(0, rows - 1), x.clip(0, columns - 1)), color), known


def _at(source: Source, row: Array, column: Array) -> Array:
    return source.colors.at[row * source.size[1] + column].get(mode="clip").astype(jnp.float32)
