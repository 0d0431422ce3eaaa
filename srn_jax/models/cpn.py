"""The context prediction network: expanded features, the known picture and the mask in, the canvas out."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from srn_jax import ops
from srn_jax.errors import pick
from srn_jax.models.layers import conv
from srn_jax.models.stages import Widths, decode, dilate, encode, to_picture


class CPN(nn.Module):
    """Context prediction network (paper, section 3.1), -> [b, H, W, 3], not clipped; H and W multiples of 4.

    Attributes:
      width: n, the features of the outermost layers; the paper's is 64.
      normalization: a name in `ops.NORMALIZATIONS`.
      rho: context normalization's; the paper's is 0.5.
    """

    width: int
    normalization: str
    rho: float

    @nn.compact
    def __call__(
        self,
        features: Float[Array, "b h w n"],
        known: Float[Array, "b h w 3"],
        mask: Float[Array, "#b h w 1"],
    ) -> Float[Array, "b h w 3"]:
        n = self.width
        batch_mask = jnp.broadcast_to(mask, (*features.shape[:3], 1)).astype(features.dtype)
        given = jnp.concatenate([known, batch_mask], axis=-1)
        x = encode(features, "x", Widths(n, n, 2 * n, 2 * n), 4 * n, beside=(given,))
        x = dilate(x, "x", 4 * n)
        x = ops.elu(conv(4 * n, name="allconv11")(x))
        small_mask = ops.resize_nearest(mask, (x.shape[1], x.shape[2]))
        x = pick(ops.NORMALIZATIONS, self.normalization, "model.normalization")(x, small_mask, self.rho)
        return to_picture(decode(x, "all", n), "all", n)
