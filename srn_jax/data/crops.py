"""How a picture is cut to the canvas: one table, picked by `data.crop`."""

from collections.abc import Callable
from typing import NamedTuple

from PIL import Image

from srn_jax.geometry import Size
from srn_jax.pictures.arrays import crop_and_resize


class Cropping(NamedTuple):
    """A way to cut.

    Attributes:
      cut: (picture, (height, width), scale in (0, 1], place in [0, 1] x [0, 1]) -> picture of that size.
      resizes: whether the picture's own resolution does not matter.
    """

    cut: Callable[[Image.Image, Size, float, tuple[float, float]], Image.Image]
    resizes: bool = True


def _center(picture: Image.Image, size: Size, scale: float, place: tuple[float, float]) -> Image.Image:
    """Returns the largest centered window, resized."""
    del scale, place
    return crop_and_resize(picture, size, 1.0, (0.5, 0.5))


def _center_or_pad(picture: Image.Image, size: Size, scale: float, place: tuple[float, float]) -> Image.Image:
    """Returns the center at its own resolution, black around a picture that is too small.

    As `tf.image.resize_image_with_crop_or_pad`: the odd pixel is cut off, or added, at the right and the bottom.
    """
    del scale, place
    differences = (picture.width - size[1], picture.height - size[0])
    left, top = (d // 2 if d > 0 else -(-d // 2) for d in differences)
    return picture.crop((left, top, left + size[1], top + size[0]))


CROPS: dict[str, Cropping] = {
    "random": Cropping(crop_and_resize),  # a window anywhere, its size drawn from data.scale, resized
    "center": Cropping(_center),
    "center_or_pad": Cropping(_center_or_pad, resizes=False),  # the release's
}
