"""Where the reconstruction loss looks: spatial weights from the filling mask, and the errors that they weigh."""

from collections.abc import Callable
from functools import lru_cache, partial
from math import erf, sqrt

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from srn_jax import geometry, ops

# A filling mask [b, h, w, 1], 1 = to be synthesized -> what each pixel's error counts.
SpatialWeights = Callable[[Float[Array, "b h w 1"]], Float[Array, "b h w 1"]]
# (prediction [b, h, w, c], truth, weights [b or 1, h, w, 1]) -> a scalar.
WeighedError = Callable[[Float[Array, "b h w c"], Float[Array, "b h w c"], Float[Array, "#b h w 1"]], Float[Array, ""]]
_KERNEL_SIZE = 64
_SIGMA = 1.0 / 40.0  # the release's; so wide against its support that the kernel is a box to 0.05 %


@lru_cache
def blur_taps() -> np.ndarray:
    """Returns the 64 taps of g along one axis, g = outer(taps, taps), sum 1 (release, gauss_kernel)."""
    interval = (2 * _SIGMA + 1.0) / _KERNEL_SIZE
    edges = np.linspace(-_SIGMA - interval / 2, _SIGMA + interval / 2, _KERNEL_SIZE + 1)
    cumulative = np.array([0.5 * (1.0 + erf(edge / sqrt(2.0))) for edge in edges])
    taps = np.sqrt(np.diff(cumulative))
    return (taps / taps.sum()).astype(np.float32)


def _propagate(mask: Float[Array, "b h w 1"], passes: int) -> list[Array]:
    """Returns M_w^1 ... M_w^passes with M_w^i = (g * (1 - M + M_w^{i-1})) M (paper, equation 5)."""
    weights = [jnp.zeros_like(mask)]
    for _ in range(passes):
        weights.append(ops.separable_blur(1.0 - mask + weights[-1], blur_taps()) * mask)
    return weights[1:]


def rsv_weights(mask: Float[Array, "b h w 1"], *, passes: int = 9, epsilon: float = 1e-5) -> Float[Array, "b h w 1"]:
    """Returns the relative spatial variant weights M_w^{c-1} / max(M_w^c, eps) (paper, equation 6).

    Args:
      mask: 1 = to be synthesized.
      passes: c; the paper's is 9.
      epsilon: keeps 0 / 0, beyond the reach of the blur, at 0.
    """
    *_, previous, last = _propagate(mask, passes)
    return previous / jnp.maximum(last, epsilon)


def rsv_weights_release(mask: Float[Array, "b h w 1"]) -> Float[Array, "b h w 1"]:
    """Returns the release's relative spatial variant weights, M_w^8 / (M_w^9 + 1e-5)."""
    *_, previous, last = _propagate(mask, 9)
    return previous / (last + 1e-5)


def confidence_weights(mask: Float[Array, "b h w 1"], *, passes: int = 7) -> Float[Array, "b h w 1"]:
    """Returns the confidence-driven weights M_w^7 of GMCNN (Wang et al., NeurIPS 2018): high beside the border."""
    return _propagate(mask, passes)[-1]


def discounted_weights(mask: Float[Array, "b h w 1"], *, gamma: float = 0.99) -> Float[Array, "b h w 1"]:
    """Returns CA's spatially discounted weights, gamma^l, l the distance to the nearest known pixel (Yu et al., 2018).

    They are divided by the mask's mean, so that a mean over the canvas is one over the unknown region, as CA takes it.

    Args:
      mask: 1 = to be synthesized, 0 on one rectangle.
      gamma: 0.99 in the paper, 0.9 in its code.
    """
    area = jnp.maximum(mask.mean((1, 2), keepdims=True), 1e-5)  # an empty mask weighs nothing
    return gamma ** geometry.distance_to_known(mask) * mask / area


def plain_weights(mask: Float[Array, "b h w 1"]) -> Float[Array, "b h w 1"]:
    """Returns the mask: every synthesized pixel counts alike."""
    return mask


SPATIAL_WEIGHTS: dict[str, SpatialWeights] = {
    "rsv": rsv_weights,
    "rsv_release": rsv_weights_release,
    "confidence": confidence_weights,
    "plain": plain_weights,
    "discounted": discounted_weights,
    "discounted_code": partial(discounted_weights, gamma=0.9),
}


def reconstruction_loss(
    prediction: Float[Array, "b h w c"], truth: Float[Array, "b h w c"], weights: Float[Array, "#b h w 1"]
) -> Float[Array, ""]:
    """Returns mean(|Y - Y_hat| M_w) over every pixel of the canvas (paper, equation 7)."""
    return jnp.mean(_absolute_error(prediction, truth) * weights)


def psnr_loss(
    prediction: Float[Array, "b h w c"], truth: Float[Array, "b h w c"], weights: Float[Array, "#b h w 1"]
) -> Float[Array, ""]:
    """Returns minus the pictures' mean PSNR in dB, values in [-1, 1], squares weighed by M_w.

    The logarithm gives each picture the same say, where L1 listens to those that cannot be guessed. It is the
    likelihood of a Gaussian whose variance is each picture's own. Errors count down to 46 dB.
    """
    weights = jnp.broadcast_to(weights, (*truth.shape[:3], 1))
    total = jnp.sum(jnp.square(_absolute_error(prediction, truth)) * weights, (1, 2, 3))
    count = truth.shape[-1] * jnp.sum(weights, (1, 2, 3), jnp.float32)
    mean = total / jnp.where(count > 0, count, 1.0)
    return 10.0 * jnp.mean(jnp.log10((mean + 1e-4) / 4.0))


ERRORS: dict[str, WeighedError] = {"l1": reconstruction_loss, "psnr": psnr_loss}


def autoencoding_loss(
    prediction: Float[Array, "b h w c"], truth: Float[Array, "b h w c"], mask: Float[Array, "#b h w 1"]
) -> Float[Array, ""]:
    """Returns mean(|Y - Y_hat| (1 - M)) / mean(1 - M), the release's term; 0 where nothing is known."""
    known = jnp.broadcast_to(1.0 - mask, (truth.shape[0], *mask.shape[1:]))
    share = jnp.mean(known)
    error = jnp.mean(_absolute_error(prediction, truth) * known)
    return error / jnp.where(share > 0, share, 1.0)


def _absolute_error(prediction: Array, truth: Array) -> Array:
    return jnp.abs(truth.astype(jnp.float32) - prediction.astype(jnp.float32))
