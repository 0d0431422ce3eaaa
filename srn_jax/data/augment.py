"""Random changes of training pictures beyond crops and flips."""

import math

import numpy as np
from PIL import Image, ImageStat

_LUMA = np.array([0.299, 0.587, 0.114])  # of red, green and blue, as Pillow's grey
# Luma and the plane of colors, in which hue is the angle (YIQ of the NTSC).
_TO_YIQ = np.array([_LUMA, [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
_TO_RGB = np.linalg.inv(_TO_YIQ)


def jitter_color(picture: Image.Image, strength: float, rng: np.random.Generator) -> Image.Image:
    """Returns the RGB picture with brightness, contrast, saturation and hue changed at random.

    `strength` in [0, 1]: 0 changes nothing; at 1 factors lie in [0.4, 1.6], and hue anywhere on the circle. All four
    are affine in a pixel's colors, and so one matrix: a fraction of the time that one after the other takes.
    """
    if strength == 0.0:
        return picture
    brightness, contrast, saturation = 1.0 + 0.6 * strength * rng.uniform(-1.0, 1.0, 3)
    angle = math.pi * strength * rng.uniform(-1.0, 1.0)
    cos, sin = saturation * math.cos(angle), saturation * math.sin(angle)
    turned = _TO_RGB @ np.array([[1.0, 0.0, 0.0], [0.0, cos, -sin], [0.0, sin, cos]]) @ _TO_YIQ
    grey = brightness * ImageStat.Stat(picture.convert("L")).mean[0]  # contrast moves colors away from it
    matrix = np.column_stack([brightness * contrast * turned, np.full(3, (1.0 - contrast) * grey)])
    return picture.convert("RGB", tuple(matrix.ravel().tolist()))
