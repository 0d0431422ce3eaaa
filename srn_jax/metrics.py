"""How close a completed picture comes to the truth, over the canvas and over its unknown region alone."""

from typing import Any

import dm_pix
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

SSIM_WINDOW = 11  # pixels, Gaussian of sigma 1.5, population covariance (Wang et al., 2004)


@jax.jit
def scores(
    completed: Float[Array, "h w 3"], truth: Float[Array, "h w 3"], mask: Float[Array, "h w 1"]
) -> dict[str, Float[Array, ""]]:
    """Returns PSNR in dB and SSIM of one picture, over the canvas and over the unknown region.

    SSIM's map is averaged over the channels and over the positions whose whole window lies on the canvas: all of them,
    or those at whose centre the mask is 1. Equal pictures have infinite PSNR; an empty region gives NaN.

    Args:
      completed, truth: RGB in [0, 1].
      mask: 1 = synthesized.
    """
    square = jnp.square(completed - truth)
    similarity: Any = dm_pix.ssim(
        completed, truth, max_val=1.0, filter_size=SSIM_WINDOW, filter_sigma=1.5, return_map=True
    )
    border = SSIM_WINDOW // 2
    inner_mask = mask[border:-border, border:-border]
    return {
        "psnr": -10.0 * jnp.log10(square.mean()),
        "ssim": similarity.mean(),
        "psnr_unknown": -10.0 * jnp.log10(_masked_mean(square, mask)),
        "ssim_unknown": _masked_mean(similarity, inner_mask),
    }


def _masked_mean(values: Float[Array, "h w c"], mask: Float[Array, "h w 1"]) -> Float[Array, ""]:
    return (values * mask).sum() / (mask.sum() * values.shape[-1])
