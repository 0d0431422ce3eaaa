"""Pictures that are decoded: cut and scaled, and written without more."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from srn_jax.geometry import Size
from srn_jax.programs import files


def crop_and_resize(picture: Image.Image, size: Size, scale: float, place: tuple[float, float]) -> Image.Image:
    """Returns a window of the picture at `size`, its aspect kept.

    Args:
      picture: any size.
      size: (height, width) of the result.
      scale: in (0, 1], the window against the largest that fits.
      place: in [0, 1] each, where the window lies between top and bottom, left and right.
    """
    unit = scale * min(picture.height / size[0], picture.width / size[1])
    height, width = min(unit * size[0], picture.height), min(unit * size[1], picture.width)  # rounding may exceed it
    top, left = place[0] * (picture.height - height), place[1] * (picture.width - width)
    box = (left, top, min(left + width, picture.width), min(top + height, picture.height))
    return picture.resize((size[1], size[0]), Image.Resampling.BICUBIC, box=box, reducing_gap=2.0)


def write_png(path: Path, pixels: UInt8[np.ndarray, "h w 3"]) -> None:
    """Writes a PNG whole or not at all."""
    with files.replacing(path) as beside:
        Image.fromarray(pixels).save(beside, format="PNG")
