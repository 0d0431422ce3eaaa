"""Tones: smooth shifts. One takes out the steps where pieces of the photograph meet each other, and the photograph; the
other leads towards the guide's tones."""

import jax
import jax.numpy as jnp
import numpy as np
import scipy  # whose ndimage is imported where it is first used
from jaxtyping import Array, Float, Int

from srn_jax.detail.pyramid import Box, within

SWEEPS = 8  # of relaxation, and pixels that a tile needs around it
_AFAR = 1 / 4  # of the photograph's shorter side: the blur that leaves no texture


@jax.jit
def level_tones(
    shift: Float[Array, "h16 w16 3"],
    lacking: Float[Array, "h16 w16 3"],
    canvas: Int[Array, " 2"],
    box: Int[Array, " 4"],
    corner: Int[Array, " 2"],
    stiffness: Float[Array, ""],
    bound: Float[Array, ""],
) -> Float[Array, "h w 3"]:
    """Returns a tile's shift after 8 sweeps of Jacobi's method.

    It makes least the squared difference of the steps between pixels to those that were voted for, plus `stiffness`
    times the shift squared (a screened Poisson equation: Bhat et al., 2008), within `bound`; 0 on the photograph.

    Args:
      shift: the one to begin with, of the tile and 8 pixels around it.
      lacking: as `vote` returns it, of the same.
      canvas: its (height, width); beyond it there is nothing.
      box: the photograph's (top, left, height, width) on it.
      corner: the tile's (top, left).
    """
    y = corner[0] - SWEEPS + jnp.arange(shift.shape[0])[:, None]
    x = corner[1] - SWEEPS + jnp.arange(shift.shape[1])[None, :]
    inside = (y >= 0) & (y < canvas[0]) & (x >= 0) & (x < canvas[1])
    known = (y >= box[0]) & (y < box[0] + box[2]) & (x >= box[1]) & (x < box[1] + box[3])

    def beside(values: Array) -> Array:
        """Returns the sum over the four neighbors, those that are there."""
        padded = jnp.pad(values, ((1, 1), (1, 1), (0, 0)))
        return padded[2:, 1:-1] + padded[:-2, 1:-1] + padded[1:-1, 2:] + padded[1:-1, :-2]

    there, free = inside[..., None].astype(jnp.float32), (inside & ~known)[..., None]
    count = beside(there)

    def sweep(_: Array, shift: Array) -> Array:
        return jnp.where(free, ((beside(shift) + lacking) / (count + stiffness)).clip(-bound, bound), 0.0)

    return jax.lax.fori_loop(0, SWEEPS, sweep, jnp.where(free, shift, 0.0))[SWEEPS:-SWEEPS, SWEEPS:-SWEEPS]


def lead_tones(
    canvas: Float[np.ndarray, "h w 3"], guide: Float[np.ndarray, "h w 3"], box: Box, lead: float, reach: float
) -> Float[np.ndarray, "h w 3"]:
    """Returns the shift of the coarsest level's canvas that makes good the share `lead` of what it lacks to the guide.

    Less near the photograph, where what goes on is worth more: 1 - exp(-d / reach) of it at `d` pixels. No channel is
    shifted by more than its standard deviation over the photograph seen from afar: textures stay even, flat ones flat.
    """
    down, across = (
        np.maximum(np.maximum(start - np.arange(size), np.arange(size) - (start + length - 1)), 0)
        for start, length, size in zip(box[:2], box[2:], canvas.shape[:2], strict=True)
    )
    share = lead * (1 - np.exp(-np.hypot(down[:, None], across[None, :]) / reach))
    blur = min(box.height, box.width) * _AFAR
    most = scipy.ndimage.gaussian_filter(within(canvas, box), (blur, blur, 0), mode="reflect").std(axis=(0, 1))
    return (share[..., None] * (guide - canvas)).clip(-most, most).astype(np.float32)
