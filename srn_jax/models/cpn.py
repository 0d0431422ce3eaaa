"""The context prediction network: expanded features, the known picture and the mask in, the canvas out."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from srn_jax import ops
from srn_jax.models.layers import UpsampleConv, conv
from srn_jax.tables import pick

elu = jax.nn.elu


class CPN(nn.Module):
    """Context prediction network (paper, section 3.1), -> [b, H, W, 3], not clipped; H and W multiples of 4.

    Attributes:
      width: n, the features of the outermost layers; the paper's is 64.
      normalization: a name in `ops.NORMALIZATIONS`.
      blend: rho of context normalization; the paper's is 0.5.
    """

    width: int
    normalization: str
    blend: float

    @nn.compact
    def __call__(
        self,
        features: Float[Array, "b h w n"],
        known: Float[Array, "b h w 3"],
        mask: Float[Array, "#b h w 1"],
    ) -> Float[Array, "b h w 3"]:
        n = self.width
        batch_mask = jnp.broadcast_to(mask, (*features.shape[:3], 1)).astype(features.dtype)
        x = jnp.concatenate([features, known, batch_mask], axis=-1)
        x = elu(conv(n, 5, name="xconv1")(x))
        x = elu(conv(n, stride=2, name="xconv2_downsample")(x))
        x = elu(conv(2 * n, name="xconv3")(x))
        x = elu(conv(2 * n, stride=2, name="xconv4_downsample")(x))
        x = elu(conv(4 * n, name="xconv5")(x))
        x = elu(conv(4 * n, name="xconv6")(x))
        for layer, dilation in ((7, 2), (8, 4), (9, 8), (10, 16)):
            x = elu(conv(4 * n, dilation=dilation, name=f"xconv{layer}_atrous")(x))
        x = elu(conv(4 * n, name="allconv11")(x))
        small_mask = ops.resize_nearest(mask, (x.shape[1], x.shape[2]))
        x = pick(ops.NORMALIZATIONS, self.normalization, "model.normalization")(x, small_mask, self.blend)
        x = elu(conv(4 * n, name="allconv12")(x))
        x = elu(UpsampleConv(2 * n, name="allconv13_upsample")(x))
        x = elu(conv(2 * n, name="allconv14")(x))
        x = elu(UpsampleConv(n, name="allconv15_upsample")(x))
        x = elu(conv(n // 2, name="allconv16")(x))
        return conv(3, name="allconv17")(x)
