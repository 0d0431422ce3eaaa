"""Pictures in [0, 1] as float32, a channel at a time since large canvases take much memory; resizing them."""

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from srn_jax.geometry import Size

Edges = tuple[float, float, float, float]  # left, top, right, bottom, as Pillow has them


def resized(plane: Float[np.ndarray, "h w"], box: Edges, size: Size) -> Float[np.ndarray, "new_h new_w"]:
    """Returns the part `box` of one channel, (left, top, right, bottom), at `size`, by bicubic interpolation."""
    if size == plane.shape and box == (0, 0, plane.shape[1], plane.shape[0]):
        return plane
    picture = Image.fromarray(np.ascontiguousarray(plane)).resize((size[1], size[0]), Image.Resampling.BICUBIC, box=box)
    return np.asarray(picture)


def resized_picture(
    picture: UInt8[np.ndarray, "h w c"] | Float[np.ndarray, "h w c"], box: Edges, size: Size
) -> Float[np.ndarray, "new_h new_w c"]:
    """Returns the part `box` of a picture, uint8 or float in [0, 1], at `size`; it may ring beyond [0, 1]."""
    return np.stack([resized(unit(picture[..., channel]), box, size) for channel in range(picture.shape[2])], axis=-1)


def whole_of(picture: np.ndarray) -> Edges:
    """Returns the box that is all of a picture."""
    return 0.0, 0.0, float(picture.shape[1]), float(picture.shape[0])


def unit(channel: np.ndarray) -> Float[np.ndarray, "h w"]:
    """Returns one channel, uint8 or float in [0, 1], as float32 in [0, 1]."""
    return channel * np.float32(1 / 255) if channel.dtype == np.uint8 else channel.astype(np.float32, copy=False)


def from_unit(plane: Float[np.ndarray, "*shape"], dtype: np.dtype) -> np.ndarray:
    """Returns what is in [0, 1] as `dtype`: uint8, rounded, or float."""
    return np.round(plane * 255).astype(np.uint8) if dtype == np.uint8 else plane.astype(dtype, copy=False)
