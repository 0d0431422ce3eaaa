"""VGG-19 (Simonyan & Zisserman, 2014) as a feature extractor, with average pooling as ID-MRF uses it."""

from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from srn_jax.errors import InputError

WIDTHS = (64, 128, 256, 512, 512)
_CONVOLUTIONS = (2, 2, 4, 4, 4)
LAYERS = tuple(f"conv{block}_{i}" for block, count in enumerate(_CONVOLUTIONS, start=1) for i in range(1, count + 1))
_MEAN = (123.68, 116.779, 103.939)  # ImageNet's red, green, blue


def preprocess(image: Float[Array, "b h w 3"]) -> Float[Array, "b h w 3"]:
    """Returns RGB of [-1, 1] as 0..255 minus ImageNet's mean colour."""
    return (image + 1.0) * 127.5 - jnp.array(_MEAN, image.dtype)[None, None, None, :]


def preprocess_release(image: Float[Array, "b h w 3"]) -> Float[Array, "b h w 3"]:
    """Returns RGB of [-1, 1] as the release feeds it: its images are BGR, yet take the means, and filters, of RGB."""
    return preprocess(image[..., ::-1])


PREPROCESSING = {"paper": preprocess, "release": preprocess_release}


class VGG19(nn.Module):
    """Features after the ReLU of the named layers: preprocessed images [b, h, w, 3] -> {layer: [b, h', w', c]}.

    Attributes:
      layers: names in `LAYERS`, such as "conv3_2"; nothing beyond the last of them is computed.
      widths: channels of the five blocks.
    """

    layers: tuple[str, ...]
    widths: tuple[int, ...] = WIDTHS

    @nn.compact
    def __call__(self, image: Float[Array, "b h w 3"]) -> dict[str, Array]:
        features, x = {}, image
        for layer in needed_layers(self.layers):
            block, index = int(layer[4]), layer[6:]
            if index == "1" and block > 1:
                x = nn.avg_pool(x, (2, 2), strides=(2, 2))
            x = nn.Conv(
                self.widths[block - 1], (3, 3), padding="SAME", kernel_init=nn.initializers.he_normal(), name=layer
            )(x)
            x = jax.nn.relu(x)
            if layer in self.layers:
                features[layer] = x
        return features


def needed_layers(layers: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the convolutions that computing `layers` takes, in order."""
    unknown = [layer for layer in layers if layer not in LAYERS]
    if unknown:
        raise InputError(f"VGG-19 has no layer {', '.join(unknown)}; its layers are {', '.join(LAYERS)}")
    return LAYERS[: 1 + max(LAYERS.index(layer) for layer in layers)]


def load(path: str, layers: tuple[str, ...]) -> dict[str, dict[str, np.ndarray]]:
    """Returns the parameters that `VGG19(layers)` needs from an .npz file with Keras' names and order.

    Args:
      path: holds block1_conv1.kernel [3, 3, in, out] (HWIO), block1_conv1.bias [out], and so on; the first kernel
        expects BGR, and is turned to RGB here.
      layers: the layers whose features are wanted.

    Raises:
      InputError: there is no such file, it is no .npz, or convolutions are missing or misshapen; names them.
    """
    if not Path(path).is_file():
        raise InputError(
            f"no VGG-19 weights at {path!r}: put an .npz with Keras' layer names there, or set loss.vgg to its path "
            "(or to 'random', which trains without an error but without the loss's meaning)"
        )
    try:
        with np.load(path) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except Exception as error:  # np.load raises whatever the broken archive provokes
        raise InputError(f"{path!r} is no readable .npz file: {error}") from error
    parameters, missing, channels = {}, [], 3
    for layer in needed_layers(layers):
        name = f"block{layer[4]}_conv{layer[6:]}"
        kernel, bias = arrays.get(f"{name}.kernel"), arrays.get(f"{name}.bias")
        if kernel is None or bias is None:
            missing.append(f"{layer} ({name})")
            continue
        expected = (3, 3, channels, WIDTHS[int(layer[4]) - 1])
        if kernel.shape != expected or bias.shape != expected[-1:]:
            raise InputError(f"{path!r}: {name}.kernel has shape {kernel.shape}, VGG-19's has {expected}")
        kernel = kernel[:, :, ::-1] if channels == 3 else kernel
        parameters[layer] = {"kernel": np.ascontiguousarray(kernel, np.float32), "bias": bias.astype(np.float32)}
        channels = expected[-1]
    if missing:
        raise InputError(f"{path!r} lacks {', '.join(missing)}, needed for {', '.join(layers)}")
    return parameters
