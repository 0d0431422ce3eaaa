"""How close a completed picture comes to the truth, over the canvas and over its unknown region alone."""

from typing import Any

import dm_pix
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, UInt8

SSIM_WINDOW = 11  # pixels, Gaussian of sigma 1.5, population covariance (Wang et al., 2004)
_GREY_LEVEL = 1 / 255  # the least step of an 8-bit picture
_LUMA = (0.299, 0.587, 0.114)


@jax.jit
def scores(
    completed: Float[Array, "h w 3"], truth: Float[Array, "h w 3"], mask: Float[Array, "h w 1"]
) -> dict[str, Float[Array, ""]]:
    """Returns one picture's PSNR in dB, SSIM and L1, over the canvas and the unknown region, its seam and sharpness.

    SSIM's map is averaged over the channels and over the positions whose whole window lies on the canvas: all of them,
    or those at whose centre the mask is 1. L1 is the mean absolute difference. Across the border of the known picture,
    from each known pixel to the unknown one beside it, `seam` is the mean absolute difference of the step in the
    completed picture and the step in the truth; `step` is the mean absolute step, m, over that of the truth, t: more
    than 1 is a visible line, less is a blur. On plain backgrounds t is rounding noise: it counts as a grey level at
    least, in 1 + (m - t) / max(t, 1 / 255), which is m / t otherwise. `sharpness` is the mean gradient of the luma over
    the unknown region, over that of the truth, which counts as a grey level at least, as for `step`: less than 1 is a
    blur, more is noise; gradients are the lengths of the steps to the right and downward, of pixels that have both
    neighbors. Equal pictures have infinite PSNR; an empty region or border gives NaN.

    Args:
      completed, truth: RGB in [0, 1].
      mask: 1 = synthesized.
    """
    square, absolute = jnp.square(completed - truth), jnp.abs(completed - truth)
    similarity: Any = dm_pix.ssim(
        completed, truth, max_val=1.0, filter_size=SSIM_WINDOW, filter_sigma=1.5, return_map=True
    )
    border = SSIM_WINDOW // 2
    inner_mask = mask[border:-border, border:-border]
    seam, step = _seam(completed, truth, mask)
    return {
        "psnr": -10.0 * jnp.log10(square.mean()),
        "ssim": similarity.mean(),
        "l1": absolute.mean(),
        "psnr_unknown": -10.0 * jnp.log10(_masked_mean(square, mask)),
        "ssim_unknown": _masked_mean(similarity, inner_mask),
        "l1_unknown": _masked_mean(absolute, mask),
        "seam": seam,
        "step": step,
        "sharpness": _relative(_gradients(completed, mask), _gradients(truth, mask)),
    }


@jax.jit
def scores_of_bytes(
    completed: UInt8[ArrayLike, "h w 3"], truth: UInt8[ArrayLike, "h w 3"], mask: Float[ArrayLike, "h w 1"]
) -> dict[str, Float[Array, ""]]:
    """Returns `scores` of pictures of 8 bits, as every table has them."""
    return scores(jnp.float32(completed) / 255, jnp.float32(truth) / 255, jnp.asarray(mask))


def in_numbers(row: dict[str, Any]) -> dict[str, float]:
    """Returns one picture's scores as Python's own numbers."""
    return {name: float(value) for name, value in row.items()}


def _seam(
    completed: Float[Array, "h w 3"], truth: Float[Array, "h w 3"], mask: Float[Array, "h w 1"]
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    difference = made = real = count = jnp.zeros(())
    for axis in (0, 1):
        crosses = jnp.abs(jnp.diff(mask, axis=axis))
        made_step, real_step = jnp.diff(completed, axis=axis), jnp.diff(truth, axis=axis)
        difference += (jnp.abs(made_step - real_step) * crosses).sum()
        made += (jnp.abs(made_step) * crosses).sum()
        real += (jnp.abs(real_step) * crosses).sum()
        count += 3 * crosses.sum()
    made, real = made / count, real / count
    return difference / count, _relative(made, real)


def _relative(made: Float[Array, ""], real: Float[Array, ""]) -> Float[Array, ""]:
    """Returns made / real; a real one below a grey level, which may be rounding noise, counts as one."""
    return 1.0 + (made - real) / jnp.maximum(real, _GREY_LEVEL)


def _gradients(picture: Float[Array, "h w 3"], mask: Float[Array, "h w 1"]) -> Float[Array, ""]:
    luma = (picture * jnp.array(_LUMA)[None, None, :]).sum(axis=-1)
    here = luma[:-1, :-1]
    lengths = jnp.hypot(luma[:-1, 1:] - here, luma[1:, :-1] - here)
    return _masked_mean(lengths[..., None], mask[:-1, :-1])


def _masked_mean(values: Float[Array, "h w c"], mask: Float[Array, "h w 1"]) -> Float[Array, ""]:
    return (values * mask).sum() / (mask.sum() * values.shape[-1])
