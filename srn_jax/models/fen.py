"""The feature expansion network's trunk: a picture in, features at its own size out."""

import flax.linen as nn
from jaxtyping import Array, Float

from srn_jax import ops
from srn_jax.models.layers import conv
from srn_jax.models.stages import Widths, decode, dilate, encode


class FEN(nn.Module):
    """Feature expansion network (paper, section 3.1), [b, h, w, c] -> [b, h, w, n]; h and w multiples of 4.

    Attributes:
      width: n, the features of the outermost layers; the paper's is 64.
    """

    width: int

    @nn.compact
    def __call__(self, image: Float[Array, "b h w c"]) -> Float[Array, "b h w n"]:
        n = self.width
        x = encode(image, "", Widths(n, 2 * n, 2 * n, 4 * n), 4 * n)
        x = dilate(x, "", 4 * n)
        x = ops.elu(conv(4 * n, name="conv11")(x))
        return decode(x, "", n)
