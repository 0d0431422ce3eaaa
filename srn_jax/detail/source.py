"""The photograph as patches come from it: a few numbers that tell its patches apart, and its colors."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from srn_jax.detail.pyramid import PATCH, REACH
from srn_jax.detail.tiles import cut, put
from srn_jax.geometry import Size

COMPONENTS = 16  # principal components of a patch that stand for its 147 values
_SAMPLES = 20_000  # patches that they are found from


class Basis(NamedTuple):
    """What turns a patch into a few numbers, of which squared differences are those of the patches, a value's mean."""

    mean: Float[Array, " 3"]
    components: Float[Array, "7 7 3 k"]


class Source(NamedTuple):
    """A photograph's colors at one level, row by row, padded to a length that its levels share."""

    colors: Float[Array, "n 3"]
    size: Int[Array, " 2"]


def basis_of(photo: Float[np.ndarray, "h w 3"]) -> Basis:
    """Returns the principal components of the photograph's patches: those that explain most of their variance."""
    step = max(1, int(np.sqrt(photo.shape[0] * photo.shape[1] / _SAMPLES)))
    patches = np.lib.stride_tricks.sliding_window_view(photo, (PATCH, PATCH), axis=(0, 1))[::step, ::step]
    mean = photo.mean(axis=(0, 1), dtype=np.float32)
    values = (patches - mean[None, None, :, None, None]).reshape(-1, 3 * PATCH**2)
    _, vectors = np.linalg.eigh(values.T @ values)
    kept = vectors[:, ::-1][:, :COMPONENTS].T.reshape(COMPONENTS, 3, PATCH, PATCH)
    return Basis(jnp.asarray(mean), jnp.asarray(kept.transpose(2, 3, 1, 0) / np.sqrt(3 * PATCH**2), jnp.float32))


@jax.jit
def patch_features(image: Float[Array, "h w 3"], basis: Basis) -> Float[Array, "h-6 w-6 k"]:
    """Returns the components of the patch around each pixel that has a whole one."""
    centered = (image - basis.mean[None, None, :])[None]
    return jax.lax.conv_general_dilated(
        centered, basis.components, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )[0]


def padded_length(pixels: int) -> int:
    """Returns the length that arrays of so many pixels are padded to: the next of four steps an octave."""
    step = 2 ** max(pixels.bit_length() - 3, 10)
    return -(-pixels // step) * step


def make_source(photo: Float[np.ndarray, "h w 3"], length: int) -> Source:
    """Returns the source of a level, of `length` pixels; in float16, which is finer than 8 bits, for less memory."""
    return Source(jnp.asarray(_flat(photo.astype(np.float16), length)), jnp.asarray(photo.shape[:2], jnp.int32))


def features_of(
    image: Float[np.ndarray, "h w 3"], layout: Float[np.ndarray, "h w l"], basis: Basis, length: int, tile: Size
) -> Float[np.ndarray, "n c"]:
    """Returns what is compared of the patch around each pixel, row by row: its components, and its layout.

    Args:
      image: a photograph or a canvas; beyond it, it repeats its border.
      length: of the result, zeros behind the pixels.
      tile: (height, width) of the pieces that are worked on: one program for all sizes, and little memory.
    """
    (height, width), components = image.shape[:2], basis.components.shape[-1]
    found = np.zeros((length, components + layout.shape[-1]), np.float32)
    of_pixels = found[: height * width].reshape(height, width, -1)
    for top in range(0, height, tile[0]):
        for left in range(0, width, tile[1]):
            around = cut(image, (top, left), tile, REACH, None)
            put(of_pixels[..., :components], (top, left), np.asarray(patch_features(around, basis)))
    of_pixels[..., components:] = layout
    return found


def _flat(values: np.ndarray, length: int) -> np.ndarray:
    rows = values.reshape(-1, values.shape[-1])
    return np.pad(rows, ((0, length - len(rows)), (0, 0)))
