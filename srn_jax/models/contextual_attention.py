"""Contextual attention (Yu et al., CVPR 2018, section 4.1): unknown features rebuilt from patches of known ones."""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from srn_jax import ops

_PATCH = 3  # ksize, of the patches that are compared
_FUSE = 1  # how far fusing looks along the diagonal, to either side: its kernel of 3 is the identity
_SCALE = 10.0  # of the softmax
_SHORTEST = 1e-4  # a patch's norm is taken to be at least this


def contextual_attention(
    features: Float[Array, "b h w c"], mask: Float[Array, "#b h w 1"], *, rate: int = 2
) -> Float[Array, "b h w c"]:
    """Returns `features` rebuilt everywhere as mixtures of their own patches that hold nothing unknown.

    Patches of 3 x 3 are compared by cosine similarity on maps made smaller by nearest neighbour, corners aligned;
    similarities are fused
    along diagonals, so that neighbours look for neighbours; a softmax over the known patches gives the shares, with
    which patches of 2 rate x 2 rate pixels are laid over one another. Follows its authors' code, version 1.

    Args:
      features: any range; compared in float32, returned in their dtype.
      mask: 1 = unknown, at the features' size; a patch counts as known if no 1 is in it, or beyond the border.
      rate: how much smaller the maps are that are compared.

    Where no patch is known the result is 0.
    """
    f = features.astype(jnp.float32)
    h, w = -(-f.shape[1] // rate), -(-f.shape[2] // rate)
    small = ops.resize_nearest_aligned(f, (h, w))
    patches = _patches(small, size=_PATCH)
    norms = ops.safe_sqrt(jnp.square(patches).sum(axis=-1, keepdims=True))
    similarity = jnp.einsum("bpk,bqk->bpq", patches, patches / jnp.maximum(norms, _SHORTEST))
    similarity = _fuse(similarity, (h, w))
    known = (_patches(ops.resize_nearest_aligned(mask, (h, w)), size=_PATCH).max(axis=-1) == 0.0).astype(jnp.float32)[
        :, None, :
    ]
    # Unknown patches take part in the softmax with a similarity of 0, and lose their share after it.
    shares = jax.nn.softmax(similarity * known * _SCALE, axis=-1) * known
    # Laying patches over one another is the transpose of cutting them out, which is linear.
    pieces, overlay = jax.vjp(partial(_patches, size=2 * rate, stride=rate), f)
    (rebuilt,) = overlay(jnp.einsum("bpq,bqk->bpk", shares, pieces))
    return (rebuilt / 4.0).astype(features.dtype)  # so many patches cover a pixel


def _patches(x: Float[Array, "b h w c"], *, size: int, stride: int = 1) -> Float[Array, "b p k"]:
    """Returns the size x size patches of `x` every `stride` pixels, row by row, zeros beyond the border (SAME)."""
    patches = jax.lax.conv_general_dilated_patches(
        x, (size, size), (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    return patches.reshape(x.shape[0], -1, patches.shape[-1])


def _fuse(similarity: Float[Array, "b p q"], size: tuple[int, int]) -> Float[Array, "b p q"]:
    """Returns similarities summed over shifts alike of both patches, along rows and then along columns."""
    h, w = size
    b, p, q = similarity.shape

    def transpose(x: Array, rows: int, columns: int) -> Array:
        """Returns `x` with both patches' numbers counted along the other axis."""
        return x.reshape(b, rows, columns, rows, columns).transpose(0, 2, 1, 4, 3).reshape(b, p, q)

    def sum_diagonal(x: Array) -> Array:
        padded = jnp.pad(x, ((0, 0), (_FUSE, _FUSE), (_FUSE, _FUSE)))
        return jnp.stack([padded[:, d : d + p, d : d + q] for d in range(2 * _FUSE + 1)]).sum(axis=0)

    fused = sum_diagonal(similarity)
    return transpose(sum_diagonal(transpose(fused, h, w)), w, h)
