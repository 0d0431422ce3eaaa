"""The synthetic VGG-19 filters that the golden ID-MRF arrays were computed with."""

from typing import Any

import numpy as np

from srn_jax.models.vgg19 import LAYERS, MEAN

TINY = (8, 16, 32, 64, 64)


def parameters(seed: int, widths: tuple[int, ...]) -> dict[str, Any]:
    """Returns {"mean": [3], layer: {kernel, bias}, ...} for RGB, drawn from one stream in the order of the layers."""
    stream, channels = np.random.RandomState(seed), 3
    layers: dict[str, Any] = {"mean": np.array(MEAN, np.float32)}
    for layer in LAYERS:
        width = widths[int(layer[4]) - 1]
        kernel = stream.standard_normal((3, 3, channels, width)).astype(np.float32)
        kernel *= np.float32(np.sqrt(2.0 / (9 * channels)))
        layers[layer] = {"kernel": kernel, "bias": (stream.uniform(-1, 1, width) * 10).astype(np.float32)}
        channels = width
    return layers
