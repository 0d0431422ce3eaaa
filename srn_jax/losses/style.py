"""Style loss (Gatys et al., CVPR 2016), an alternative to ID-MRF: which features go together, wherever they are."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def gram_loss(generated: Float[Array, "b h w c"], truth: Float[Array, "b h w c"]) -> Float[Array, ""]:
    """Returns mean_B(1 / (4 c^2 (h w)^2) sum (G - A)^2), G and A the maps' Gram matrices over positions (equation 4).

    Args:
      generated, truth: features of any range; the loss grows with the fourth power of their scale.
    """
    return jnp.mean(jnp.square(_gram(generated) - _gram(truth))) / 4.0


def _gram(features: Float[Array, "b h w c"]) -> Float[Array, "b c c"]:
    """Returns the products of channels, averaged over positions."""
    b, h, w, c = features.shape
    flat = features.astype(jnp.float32).reshape(b, h * w, c)
    return jnp.einsum("bnc,bnd->bcd", flat, flat, precision=jax.lax.Precision.HIGHEST) / (h * w)
