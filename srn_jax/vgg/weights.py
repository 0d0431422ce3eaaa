"""From a file of filters to the parameters of `models.vgg19.VGG19`, checked."""

from typing import Any

import numpy as np

from srn_jax.errors import InputError
from srn_jax.models.vgg19 import LAYERS, WIDTHS, needed_layers
from srn_jax.programs import files
from srn_jax.vgg.formats import Filters, read


def load(path: str, layers: tuple[str, ...]) -> dict[str, Any]:
    """Returns the parameters that `VGG19(layers)` needs: {"mean": [3], layer: {"kernel": HWIO, "bias": [out]}, ...}.

    The filters are those for RGB pixels of 0..255 minus the mean, whatever the file's own colours and scale.

    Args:
      path: a file in any of `recognise.FORMS`, told by its content; what the setting loss.vgg holds.
      layers: names in `models.vgg19.LAYERS`, those whose features are wanted.

    Raises:
      InputError: there is no such file, it is none that is read, or convolutions are missing or misshapen; one line.
    """
    needed_layers(layers)  # a misspelt layer is told before a large file is read
    expanded = files.expand(path, "loss.vgg")
    if not expanded.is_file():
        raise InputError(
            f"no VGG-19 weights at {path!r}: get them with `python -m srn_jax.vgg --download`, or set loss.vgg to a "
            "file of your own (or to 'random', which trains without an error but without the loss's meaning)"
        )
    return parameters(read(str(expanded)), path, layers)


def parameters(
    filters: Filters, path: str, layers: tuple[str, ...], *, widths: tuple[int, ...] = WIDTHS
) -> dict[str, Any]:
    """Returns what `VGG19(layers, widths)` needs of `filters`; raises InputError that names `path` and the layers."""
    names, needed = filters.names, needed_layers(layers)
    missing = [
        layer if layer == names[layer] else f"{layer} ({names[layer]})"
        for layer in needed
        if layer not in filters.layers
    ]
    if missing:
        raise InputError(f"{path!r} lacks {', '.join(missing)}, needed for {', '.join(layers)}")
    last = max(LAYERS.index(layer) for layer in filters.layers)
    gaps = [names[layer] for layer in LAYERS[:last] if layer not in filters.layers]
    if gaps:  # VGG-16 has VGG-19's names and, to conv3_1, its shapes, yet other filters
        raise InputError(f"{path!r} has {names[LAYERS[last]]} but not {gaps[0]}: it is no VGG-19, VGG-16 perhaps")
    result: dict[str, Any] = {"mean": np.array(filters.mean, np.float32)}
    channels = 3
    for layer in needed:
        kernel, bias = filters.layers[layer]
        width = widths[int(layer[4]) - 1]
        for part, array, expected in (("kernel", kernel, (3, 3, channels, width)), ("bias", bias, (width,))):
            if array.shape != expected:
                raise InputError(f"{path!r}: {names[layer]}.{part} has shape {array.shape}, VGG-19's has {expected}")
        result[layer] = {"kernel": kernel, "bias": bias}
        channels = width
    return result
