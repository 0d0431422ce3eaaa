"""Where the known picture lies on its canvas: windows, masks, offsets, crops.

A *filling mask* is canvas-sized with one channel, 1 where pixels are to be synthesized and 0 on the known rectangle
(paper, section 3). An *offset* is the (top, left) corner of that rectangle. A *gap* is how many unknown columns part
the known picture's halves, which lie at the two ends of the canvas then; of one rectangle it is 0. Only sizes are
static; offsets and gaps are traced, so that new margins never compile anew.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from srn_jax.geometry.placement import Size, gap_of, offset_bounds


class Part(NamedTuple):
    """Columns of the known picture that stay together: the first, how many, and where it lies from the offset on."""

    column: int
    width: int
    place: int


def parts(width: int, gap: int = 0) -> tuple[Part, ...]:
    """Returns where the columns of a known picture of so many lie: all in one place, or its halves `gap` apart."""
    if not gap:
        return (Part(0, width, 0),)
    half = width // 2
    return Part(0, half, 0), Part(half, half, half + gap)


def host_mask(corner: tuple[int, int], canvas: Size, known: Size, gap: int = 0) -> Bool[np.ndarray, "h w"]:
    """Returns one filling mask on the host, True = to be synthesized, of a known picture whose (top, left) is `corner`.

    With a `gap` its halves lie so many columns apart.
    """
    (top, left), mask = corner, np.ones(canvas, bool)
    for part in parts(known[1], gap):
        mask[top : top + known[0], left + part.place : left + part.place + part.width] = False
    return mask


def unknown_mask(offset: Int[Array, "b 2"], canvas: Size, known: Size, gap: int = 0) -> Float[Array, "b h w 1"]:
    """Returns the filling mask, 1 = to be synthesized, of `known`-sized windows whose top left corners are `offset`.

    With a `gap` each window's halves lie so many columns apart.
    """
    inside_rows = _inside(offset[:, 0], canvas[0], known[0])
    inside_columns = jnp.zeros((offset.shape[0], canvas[1]), bool)
    for part in parts(known[1], gap):
        inside_columns |= _inside(offset[:, 1] + part.place, canvas[1], part.width)
    inside = inside_rows[:, :, None] & inside_columns[:, None, :]
    return 1.0 - inside[..., None].astype(jnp.float32)


def _inside(start: Int[Array, " b"], length: int, window: int) -> Array:
    distance = jnp.arange(length)[None, :] - start[:, None]
    return (distance >= 0) & (distance < window)


def known_offset(mask: Float[Array, "b h w 1"]) -> Int[Array, "b 2"]:
    """Returns the (top, left) corner of each mask's known rectangle; (0, 0) where nothing is known."""
    known = mask[..., 0] < 0.5
    top = jnp.argmax(known.any(axis=2), axis=1)
    left = jnp.argmax(known.any(axis=1), axis=1)
    return jnp.stack([top, left], axis=1).astype(jnp.int32)


def known_gap(mask: Float[Array, "b h w 1"]) -> Int[Array, " b"]:
    """Returns how many unknown columns lie between each mask's known ones; 0 where these are one rectangle's."""
    known = (mask[..., 0] < 0.5).any(axis=1)
    last = known.shape[1] - 1 - jnp.argmax(known[:, ::-1], axis=1)
    spanned = jnp.where(known.any(axis=1), last - jnp.argmax(known, axis=1) + 1, 0)
    return (spanned - known.sum(axis=1)).astype(jnp.int32)


def distance_to_known(mask: Float[Array, "b h w 1"]) -> Float[Array, "b h w 1"]:
    """Returns each pixel's Euclidean distance to the nearest known one of its mask; without one, infinity.

    What is known is one rectangle, or two in the same rows.
    """
    known = mask[..., 0] < 0.5

    def along(some_known: Array) -> Array:
        """Returns the distance on one axis, [b, n]."""
        place = jnp.arange(some_known.shape[1])
        away = jnp.abs(place[:, None] - place[None, :])[None]
        away = jnp.where(some_known[:, None, :], away, some_known.shape[1])
        distance = away.min(axis=2).astype(jnp.float32)
        return jnp.where(some_known.any(axis=1, keepdims=True), distance, jnp.inf)

    rows, columns = along(known.any(axis=2)), along(known.any(axis=1))
    return jnp.hypot(rows[:, :, None], columns[:, None, :])[..., None]


def crop(image: Float[Array, "b h w c"], offset: Int[Array, "#b 2"], size: Size) -> Float[Array, "b kh kw c"]:
    """Returns the `size`-sized windows of `image` whose top left corners are `offset` (one for all, or one each)."""
    if offset.shape[0] == 1:  # one window for the whole batch: a plain slice, cheaper than a gather
        image = jax.lax.dynamic_slice_in_dim(image, offset[0, 0], size[0], axis=1)
        return jax.lax.dynamic_slice_in_dim(image, offset[0, 1], size[1], axis=2)

    def crop_one(image, offset):
        image = jax.lax.dynamic_slice_in_dim(image, offset[0], size[0], axis=0)
        return jax.lax.dynamic_slice_in_dim(image, offset[1], size[1], axis=1)

    return jax.vmap(crop_one)(image, offset)


def crop_known(
    image: Float[Array, "b h w c"], offset: Int[Array, "#b 2"], gap: Int[Array, " #b"], size: Size
) -> Float[Array, "b kh kw c"]:
    """Returns the known pictures of `size`, an even width, with their halves side by side; without a gap, `crop`."""
    half = size[0], size[1] // 2
    to_second = jnp.stack([jnp.zeros_like(gap), half[1] + gap], axis=1)
    return jnp.concatenate([crop(image, offset, half), crop(image, offset + to_second, half)], axis=2)


def known_canvas(image: Float[Array, "b h w c"], mask: Float[Array, "#b h w 1"]) -> Float[Array, "b h w c"]:
    """Returns `image` with zeros under the mask, whatever (NaN too) the image holds there."""
    return jnp.where(mask > 0.5, 0.0, image)


def complete(
    prediction: Float[Array, "b h w c"], image: Float[Array, "b h w c"], mask: Float[Array, "#b h w 1"]
) -> Float[Array, "b h w c"]:
    """Returns the completed image: the prediction where the mask is 1, the image's own values elsewhere."""
    return jnp.where(mask > 0.5, prediction, image)


def draw_offsets(placement: str, keys: Key[Array, " b"], canvas: Size, known: Size) -> Int[Array, "b 2"]:
    """Returns one offset for each key, drawn from all that `placement`, a name in `geometry.PLACEMENTS`, allows."""
    least, greatest = (jnp.array(bound) for bound in offset_bounds(placement, canvas, known))
    return jax.vmap(lambda key: jax.random.randint(key, (2,), least, greatest + 1))(keys)


def draw_masks(placement: str, keys: Key[Array, " b"], canvas: Size, known: Size) -> Float[Array, "b h w 1"]:
    """Returns one filling mask for each key, the known window lying as `placement` (in `geometry.PLACEMENTS`) says."""
    offset = draw_offsets(placement, keys, canvas, known)
    return unknown_mask(offset, canvas, known, gap_of(placement, canvas, known))
