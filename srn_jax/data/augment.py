"""Random changes of training pictures beyond crops and flips."""

import numpy as np
from PIL import Image, ImageEnhance


def jitter_color(picture: Image.Image, strength: float, rng: np.random.Generator) -> Image.Image:
    """Returns the picture with brightness, contrast, saturation and hue changed at random.

    `strength` in [0, 1]: 0 changes nothing; at 1 factors lie in [0.4, 1.6], and hue anywhere on the circle.
    """
    if strength == 0.0:
        return picture
    for enhancer in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        picture = enhancer(picture).enhance(1.0 + 0.6 * strength * rng.uniform(-1.0, 1.0))
    hue, saturation, value = picture.convert("HSV").split()
    shift = int(128 * strength * rng.uniform(-1.0, 1.0))
    turned = Image.fromarray((np.asarray(hue).astype(int) + shift).astype(np.uint8))
    return Image.merge("HSV", (turned, saturation, value)).convert("RGB")
