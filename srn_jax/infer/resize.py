"""Resizing one channel of a canvas."""

import numpy as np
from jaxtyping import Float
from PIL import Image

from srn_jax.geometry import Size

Edges = tuple[float, float, float, float]  # left, top, right, bottom, as Pillow has them


def resized(plane: Float[np.ndarray, "h w"], box: Edges, size: Size) -> Float[np.ndarray, "new_h new_w"]:
    """Returns the part `box` of one channel, (left, top, right, bottom), at `size`, by bicubic interpolation."""
    if size == plane.shape and box == (0, 0, plane.shape[1], plane.shape[0]):
        return plane
    picture = Image.fromarray(np.ascontiguousarray(plane)).resize((size[1], size[0]), Image.Resampling.BICUBIC, box=box)
    return np.asarray(picture)
