"""Feature expansion: features at the picture's size in, at the canvas' size out. One table, one signature."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import flax.linen as nn
from jaxtyping import Array, Float, Int

from srn_jax import ops
from srn_jax.models.layers import ConvTranspose, conv

Gap = Int[Array, " #b"] | int


class _Expansion(nn.Module):
    """[b, h, w, n] -> [b, r1 h, r2 w, n] (paper, section 3.1 and figure 9).

    Attributes:
      ratio: (r1, r2), whole numbers of at least 1; they need not be equal.

    `offset` is the (top, left) corner of the known window on the canvas, one for all or one an image, and `gap` how
    many columns part its halves.
    """

    ratio: tuple[int, int]

    def canvas(self, x: Array) -> tuple[int, int]:
        return x.shape[1] * self.ratio[0], x.shape[2] * self.ratio[1]


class Subpixel(_Expansion):
    """Convolution to n r1 r2 channels, then the paper's sub-pixel rearrangement s(F)."""

    rearrange: Callable[..., Array] = ops.pixel_shuffle

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w n"], offset: Int[Array, "#b 2"], gap: Gap = 0
    ) -> Float[Array, "b oh ow n"]:
        del offset, gap
        r1, r2 = self.ratio
        return ops.elu(self.rearrange(conv(x.shape[-1] * r1 * r2, name="conv")(x), self.ratio))


class Deconvolution(_Expansion):
    """Transposed 3 x 3 convolution of stride (r1, r2), padded as TensorFlow's conv2d_transpose SAME."""

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w n"], offset: Int[Array, "#b 2"], gap: Gap = 0
    ) -> Float[Array, "b oh ow n"]:
        del offset, gap
        return ops.elu(ConvTranspose(x.shape[-1], self.ratio, name="conv")(x))


class Bilinear(_Expansion):
    """Bilinear resize with aligned corners, then a 3 x 3 convolution."""

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w n"], offset: Int[Array, "#b 2"], gap: Gap = 0
    ) -> Float[Array, "b oh ow n"]:
        del offset, gap
        return ops.elu(conv(x.shape[-1], name="conv")(ops.resize_bilinear_aligned(x, self.canvas(x))))


class Unfold(_Expansion):
    """Features mirrored out to the margins, then a 3 x 3 convolution: the one expansion that knows where they lie."""

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w n"], offset: Int[Array, "#b 2"], gap: Gap = 0
    ) -> Float[Array, "b oh ow n"]:
        return ops.elu(conv(x.shape[-1], name="conv")(ops.mirror_to_canvas(x, offset, self.canvas(x), gap)))


@runtime_checkable
class ExpansionFactory(Protocol):
    """Makes an expansion: (features [b, h, w, n], offset, gap) -> features [b, r1 h, r2 w, n]."""

    def __call__(self, *, ratio: tuple[int, int], name: str | None = None) -> nn.Module: ...


def _subpixel_reshape(*, ratio: tuple[int, int], name: str | None = None) -> Subpixel:
    return Subpixel(ratio=ratio, rearrange=ops.memory_reshape, name=name)


EXPANSIONS: dict[str, ExpansionFactory] = {
    "subpixel": Subpixel,
    "subpixel_reshape": _subpixel_reshape,  # the release's permutation, which its weights need
    "deconv": Deconvolution,
    "bilinear": Bilinear,
    "unfold": Unfold,
}
