"""Parameter-free array maths that networks and losses share: resizes, sub-pixel shuffles, blur, normalization."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

Images = TypeVar("Images", np.ndarray, jax.Array)


def from_bytes(images: Images) -> Images:
    """Returns bytes, 0..255, as float32 in [-1, 1], scaled as the release does; `to_levels` is its inverse."""
    return images * np.float32(1 / 127.5) - 1.0


def to_levels(images: Images) -> Images:
    """Returns what is in [-1, 1] in levels of 0..255, not rounded."""
    return (images + 1.0) * 127.5


def upsample_x2(x: Float[Array, "b h w c"]) -> Float[Array, "b 2*h 2*w c"]:
    """Returns `x` with every pixel repeated 2 x 2 (nearest neighbour; the release's aligned corners agree at x2)."""
    b, h, w, c = x.shape
    return jnp.broadcast_to(x[:, :, None, :, None, :], (b, h, 2, w, 2, c)).reshape(b, 2 * h, 2 * w, c)


def resize_nearest(x: Float[Array, "b h w c"], size: tuple[int, int]) -> Float[Array, "b oh ow c"]:
    """Returns `x` at `size`; output pixel i reads input floor(i * h / oh)."""
    rows = np.arange(size[0]) * x.shape[1] // size[0]
    columns = np.arange(size[1]) * x.shape[2] // size[1]
    return x[:, rows][:, :, columns]


def resize_nearest_aligned(x: Float[Array, "b h w c"], size: tuple[int, int]) -> Float[Array, "b oh ow c"]:
    """Returns `x` at `size` with corners aligned: output i reads input floor(i * (h-1) / (oh-1) + 0.5).

    TensorFlow computes the index in float32, and so does this: the two agree on ties. Not a block repeat.
    """

    def index(inputs: int, outputs: int) -> np.ndarray:
        scale = np.float32(inputs - 1) / np.float32(max(outputs - 1, 1))
        return np.floor(np.arange(outputs, dtype=np.float32) * scale + np.float32(0.5)).astype(int)

    return x[:, index(x.shape[1], size[0])][:, :, index(x.shape[2], size[1])]


def resize_bilinear_aligned(x: Float[Array, "b h w c"], size: tuple[int, int]) -> Float[Array, "b oh ow c"]:
    """Returns `x` at `size` by bilinear interpolation with corners aligned: output i reads input i * (h-1) / (oh-1)."""
    b, h, w, c = x.shape
    scale = jnp.array([(size[0] - 1) / max(h - 1, 1), (size[1] - 1) / max(w - 1, 1)], jnp.float32)
    return jax.image.scale_and_translate(  # its pixel centres lie at i + 0.5, hence the translation
        x, (b, *size, c), (1, 2), scale, 0.5 - 0.5 * scale, method="linear", antialias=False
    )


def pixel_shuffle(x: Float[Array, "b h w d"], ratio: tuple[int, int]) -> Float[Array, "b oh ow c"]:
    """Returns s(F)[i, j, k] = F[i // r1, j // r2, n * r2 * (i mod r1) + n * (j mod r2) + k] (paper, equation 1)."""
    b, h, w, d = x.shape
    r1, r2 = ratio
    blocks = x.reshape(b, h, w, r1, r2, d // (r1 * r2)).transpose(0, 1, 3, 2, 4, 5)
    return blocks.reshape(b, r1 * h, r2 * w, d // (r1 * r2))


def memory_reshape(x: Float[Array, "b h w d"], ratio: tuple[int, int]) -> Float[Array, "b oh ow c"]:
    """Returns `x` read row by row into the enlarged map: what the release does in place of `pixel_shuffle`."""
    b, h, w, d = x.shape
    r1, r2 = ratio
    return x.reshape(b, r1 * h, r2 * w, d // (r1 * r2))


def mirror_to_canvas(
    x: Float[Array, "b h w c"],
    offset: Int[Array, "#b 2"],
    size: tuple[int, int],
    gap: Int[Array, " #b"] | int = 0,
) -> Float[Array, "b oh ow c"]:
    """Returns `x` placed at `offset` on a canvas of `size` and mirrored beyond its borders, the border pixel repeated.

    Equals symmetric padding by the margins; margins wider than the picture go on mirroring. Where there is a `gap`, the
    halves of `x` lie so many columns apart, and each is mirrored up to its middle.
    """

    def index(length: int, start: Int[Array, ""], outputs: int) -> Int[Array, " o"]:
        phase = jnp.mod(jnp.arange(outputs) - start, 2 * length)
        return jnp.minimum(phase, 2 * length - 1 - phase)

    def mirror_one(x, offset, gap):
        rows = index(x.shape[0], offset[0], size[0])
        columns, half = index(x.shape[1], offset[1], size[1]), x.shape[1] // 2
        if half:
            second = offset[1] + half + gap
            first_half, second_half = index(half, offset[1], size[1]), half + index(half, second, size[1])
            halves = jnp.where(jnp.arange(size[1]) < second - gap // 2, first_half, second_half)
            columns = jnp.where(gap > 0, halves, columns)
        return x[rows][:, columns]

    offset, gap = jnp.broadcast_to(offset, (x.shape[0], 2)), jnp.broadcast_to(jnp.asarray(gap), x.shape[:1])
    return jax.vmap(mirror_one)(x, offset, gap)


def max_pool_x8(mask: Float[Array, "b h w 1"]) -> Float[Array, "b h8 w8 1"]:
    """Returns the mask max-pooled 2 x 2 (SAME) three times: 1 where any pixel under the context critic's score is."""
    for _ in range(3):
        mask = jax.lax.reduce_window(mask, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "SAME")
    return mask


def separable_blur(x: Float[Array, "b h w c"], taps: Float[np.ndarray, " k"]) -> Float[Array, "b h w c"]:
    """Returns `x` correlated with outer(taps, taps), zeros beyond the border, size kept.

    An even kernel reaches (k-1)//2 before and k//2 after, as SAME does. Written as two banded matrix products:
    for masks of a few hundred pixels they run at the matrix unit's speed, which a one-channel convolution does not.
    """

    def band(length: int) -> np.ndarray:
        tap = np.arange(length)[None, :] - np.arange(length)[:, None] + (len(taps) - 1) // 2
        return np.where((tap >= 0) & (tap < len(taps)), taps[np.clip(tap, 0, len(taps) - 1)], 0).astype(np.float32)

    rows, columns = band(x.shape[1]), band(x.shape[2])
    exact = jax.lax.Precision.HIGHEST  # TF32 would show in the weights far from the border
    x = jnp.einsum("oh,bhwc->bowc", rows, x, precision=exact)
    return jnp.einsum("ow,bhwc->bhoc", columns, x, precision=exact)


def safe_sqrt(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """Returns sqrt(x), with gradient 0 in place of infinity at x = 0."""
    positive = x > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, x, 1.0)), 0.0)


@jax.custom_vjp
@partial(jax.jit, inline=True)  # so that it is traced once for all layers of a shape
def elu(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """Returns x where it is positive, exp(x) - 1 elsewhere; its gradient is made from what it returns.

    So the backward pass keeps one array where `jax.nn.elu` keeps several, and the next convolution keeps the same one.
    Narrower types keep x: near -1, what is returned is rounded to more than its distance from -1, the gradient.
    With t = tanh(x / 2), exp(x) - 1 is 2 t / (1 - t): as accurate as `expm1`, and twice as fast on a CPU. A division
    comes last, since XLA computes anew what ends in less, and keeps what that is made of instead.
    """
    wide = x.astype(jnp.float32)
    t = jnp.tanh(jnp.minimum(wide, 0.0) / 2.0)
    return ((jnp.maximum(wide, 0.0) + 2.0 * t) / (1.0 - t)).astype(x.dtype)


def _elu_forward(x: Array) -> tuple[Array, Array]:
    y = elu(x)
    return y, y if _wide(x) else x


@partial(jax.jit, inline=True)
def _elu_backward(kept: Array, cotangent: Array) -> tuple[Array]:
    if _wide(kept):
        return (jnp.where(kept > 0, cotangent, cotangent * (kept + 1.0)),)
    slope = jnp.exp(jnp.minimum(kept.astype(jnp.float32), 0.0))
    return ((cotangent.astype(jnp.float32) * slope).astype(kept.dtype),)


def _wide(x: Array) -> bool:
    return jnp.finfo(x.dtype).nmant >= jnp.finfo(jnp.float32).nmant


elu.defvjp(_elu_forward, _elu_backward)


_EPSILON = 1e-5


def context_normalization(
    features: Float[Array, "b h w c"], mask: Float[Array, "#b h w 1"], rho: float
) -> Float[Array, "b h w c"]:
    """Returns t(f, rho): unknown positions take on the known region's mean and deviation (paper, equations 2 and 3).

    Statistics are per image and channel, over each region's own positions; an empty region leaves no NaN.

    Args:
      features: any range; computed in float32, returned in its dtype.
      mask: 1 = unknown, at the features' size.
      rho: in [0, 1]; 0 returns the features unchanged.
    """
    f, mask = features.astype(jnp.float32), mask.astype(jnp.float32)
    unknown, known = mask, 1.0 - mask
    mean_u, var_u = _region_statistics(f, unknown)
    mean_k, var_k = _region_statistics(f, known)
    matched = (f - mean_u) * jax.lax.rsqrt(var_u + _EPSILON) * jnp.sqrt(var_k + _EPSILON) + mean_k
    return jnp.where(mask > 0.5, rho * matched + (1.0 - rho) * f, f).astype(features.dtype)


def _region_statistics(f: Float[Array, "b h w c"], region: Float[Array, "#b h w 1"]) -> tuple[Array, Array]:
    count = jnp.maximum(region.sum((1, 2), keepdims=True), 1.0)
    mean = (f * region).sum((1, 2), keepdims=True) / count
    variance = (jnp.square(f - mean) * region).sum((1, 2), keepdims=True) / count
    return mean, variance


def context_normalization_release(
    features: Float[Array, "b h w c"], mask: Float[Array, "#b h w 1"], rho: float
) -> Float[Array, "b h w c"]:
    """Returns the release's context normalization.

    Its variances sum (f * region - mean)^2 over *all* positions and divide by the region's count, which adds
    mean^2 * (N - n) / n; released weights were trained with that. Arguments as for `context_normalization`.
    """
    f, mask = features.astype(jnp.float32), mask.astype(jnp.float32)
    unknown, known = mask, 1.0 - mask

    def statistics(region):
        count = jnp.maximum(region.sum((1, 2), keepdims=True), _EPSILON)
        mean = (f * region).sum((1, 2), keepdims=True) / count
        return mean, jnp.square(f * region - mean).sum((1, 2), keepdims=True) / count

    mean_u, var_u = statistics(unknown)
    mean_k, var_k = statistics(known)
    f_u = f * unknown
    matched = (f_u - mean_u) * jax.lax.rsqrt(var_u + _EPSILON) * safe_sqrt(var_k) + mean_k
    return (unknown * (rho * matched + (1.0 - rho) * f_u) + known * f).astype(features.dtype)


def no_normalization(
    features: Float[Array, "b h w c"], mask: Float[Array, "#b h w 1"], rho: float
) -> Float[Array, "b h w c"]:
    """Returns the features unchanged."""
    del mask, rho
    return features


# (features [b, h, w, c], mask [b or 1, h, w, 1], rho) -> features.
Normalization = Callable[[Float[Array, "b h w c"], Float[Array, "#b h w 1"], float], Float[Array, "b h w c"]]

NORMALIZATIONS: dict[str, Normalization] = {
    "paper": context_normalization,
    "release": context_normalization_release,
    "none": no_normalization,
}
