"""The feature expansion network's trunk: a picture in, features at its own size out."""

import flax.linen as nn
import jax
from jaxtyping import Array, Float

from srn_jax.models.layers import UpsampleConv, conv

elu = jax.nn.elu


class FEN(nn.Module):
    """Feature expansion network (paper, section 3.1), [b, h, w, 3] -> [b, h, w, n]; h and w multiples of 4.

    Attributes:
      width: n, the features of the outermost layers; the paper's is 64.
    """

    width: int

    @nn.compact
    def __call__(self, image: Float[Array, "b h w 3"]) -> Float[Array, "b h w n"]:
        n = self.width
        x = elu(conv(n, 5, name="conv1")(image))
        x = elu(conv(2 * n, stride=2, name="conv2_downsample")(x))
        x = elu(conv(2 * n, name="conv3")(x))
        x = elu(conv(4 * n, stride=2, name="conv4_downsample")(x))
        x = elu(conv(4 * n, name="conv5")(x))
        x = elu(conv(4 * n, name="conv6")(x))
        for layer, dilation in ((7, 2), (8, 4), (9, 8), (10, 16)):
            x = elu(conv(4 * n, dilation=dilation, name=f"conv{layer}_atrous")(x))
        x = elu(conv(4 * n, name="conv11")(x))
        x = elu(conv(4 * n, name="conv12")(x))
        x = elu(UpsampleConv(2 * n, name="conv13_upsample")(x))
        x = elu(conv(2 * n, name="conv14")(x))
        return elu(UpsampleConv(n, name="conv15_upsample")(x))
