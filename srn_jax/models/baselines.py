"""What the paper compares SRN with (section 4.1), in the same signature: ED and CA."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from srn_jax import geometry, ops
from srn_jax.models.contextual_attention import contextual_attention
from srn_jax.models.fen import FEN
from srn_jax.models.interface import GeneratorModule, GeneratorSettings
from srn_jax.models.layers import STAGES, conv
from srn_jax.models.stages import Widths, decode, dilate, encode, to_picture


class EncoderDecoder(nn.Module):
    """FEN's trunk with a picture for its output, [b, h, w, c] -> [b, h, w, 3] in [-1, 1], and the last features.

    Attributes:
      width: n, the features of the outermost layers.
    """

    width: int

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> tuple[Float[Array, "b h w 3"], Float[Array, "b h w n"]]:
        features = FEN(self.width, name="fen")(x)
        return jnp.clip(to_picture(features, "", self.width), -1.0, 1.0), features


class ED(GeneratorModule):
    """ED: SRN-HR's trunk alone, from the known picture and the mask to the canvas in one stage, without CPN.

    Called as `SRN`; any known rectangle suits, and the canvas' sides are multiples of 4. The paper
    says no more of it than "encoder-decoder"; the head is that of CPN (n/2 features, then 3).

    Attributes:
      width: n; 64 as in SRN.
    """

    width: int = 64

    @classmethod
    def from_settings(cls, settings: GeneratorSettings, ratio: tuple[int, int]) -> "ED":
        del ratio
        return cls(width=settings.width)

    @nn.compact
    def __call__(
        self, image: Float[Array, "b h w 3"], mask: Float[Array, "#b h w 1"]
    ) -> tuple[Float[Array, "b h w 3"], Float[Array, "b h w n"]]:
        known = geometry.known_canvas(image, mask)
        return EncoderDecoder(self.width, name="trunk")(_join(known, mask))


class CA(GeneratorModule):
    """CA: generative inpainting with contextual attention (Yu et al., CVPR 2018; its code's version 1).

    A coarse encoder-decoder; then, on its completed picture, a refinement of two branches, one dilated convolutions
    and one contextual attention, which are joined and decoded. Called as `SRN`; any known rectangle suits, and the
    canvas' sides are multiples of 4. The coarse prediction, for its loss, is sown into `STAGES`.

    Attributes:
      width: n; its code's is 32.
    """

    width: int = 32

    @classmethod
    def from_settings(cls, settings: GeneratorSettings, ratio: tuple[int, int]) -> "CA":
        del ratio
        return cls(width=settings.width)

    @nn.compact
    def __call__(
        self, image: Float[Array, "b h w 3"], mask: Float[Array, "#b h w 1"]
    ) -> tuple[Float[Array, "b h w 3"], Float[Array, "b h w n"]]:
        known = geometry.known_canvas(image, mask)
        ones = jnp.ones_like(image[..., :1])  # shows convolutions where the zeros beyond the border begin
        coarse, features = EncoderDecoder(self.width, name="coarse")(_join(known, ones, mask))
        self.sow(STAGES, "prediction", coarse)
        completed = geometry.complete(coarse, known, mask)
        prediction = Refinement(self.width, name="refinement")(_join(completed, ones, mask), mask)
        return prediction, features


class Refinement(nn.Module):
    """CA's second stage, [b, H, W, 5] -> [b, H, W, 3] in [-1, 1].

    Attributes:
      width: n.
    """

    width: int

    @nn.compact
    def __call__(self, x: Float[Array, "b h w 5"], mask: Float[Array, "#b h w 1"]) -> Float[Array, "b h w 3"]:
        n = self.width
        imagined = dilate(encode(x, "x", Widths(n, n, 2 * n, 2 * n), 4 * n), "x", 4 * n)
        # The attention's features end in ReLU: similarities of what is there, not of what is not.
        copied = encode(x, "pm", Widths(n, n, 2 * n, 4 * n), 4 * n, last=jax.nn.relu)
        copied = contextual_attention(copied, ops.resize_nearest_aligned(mask, (copied.shape[1], copied.shape[2])))
        copied = ops.elu(conv(4 * n, name="pmconv9")(copied))
        copied = ops.elu(conv(4 * n, name="pmconv10")(copied))
        joined = jnp.concatenate([imagined, copied], axis=-1)
        joined = ops.elu(conv(4 * n, name="allconv11")(joined))
        return jnp.clip(to_picture(decode(joined, "all", n), "all", n), -1.0, 1.0)


def _join(*arrays: Array) -> Array:
    """Returns arrays of one batch, or one for all, side by side along their channels."""
    shape = arrays[0].shape[:3]
    return jnp.concatenate([jnp.broadcast_to(a, (*shape, a.shape[-1])).astype(arrays[0].dtype) for a in arrays], -1)
