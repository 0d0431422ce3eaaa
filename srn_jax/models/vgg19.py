"""VGG-19 (Simonyan & Zisserman, 2014) as a feature extractor, with average pooling as ID-MRF uses it."""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from srn_jax import convolution
from srn_jax.errors import InputError
from srn_jax.ops import to_levels

WIDTHS = (64, 128, 256, 512, 512)
_CONVOLUTIONS = (2, 2, 4, 4, 4)
LAYERS = tuple(f"conv{block}_{i}" for block, count in enumerate(_CONVOLUTIONS, start=1) for i in range(1, count + 1))
MEAN = (123.68, 116.779, 103.939)  # ImageNet's red, green, blue, as the filters of 2014 expect


def preprocess(image: Float[Array, "b h w 3"]) -> Float[Array, "b h w 3"]:
    """Returns RGB of [-1, 1] as 0..255."""
    return to_levels(image)


def preprocess_release(image: Float[Array, "b h w 3"]) -> Float[Array, "b h w 3"]:
    """Returns RGB of [-1, 1] as the release feeds it: as BGR, yet to the means and filters of RGB."""
    return preprocess(image[..., ::-1])


# Pictures [b, h, w, 3] in [-1, 1] -> what VGG-19 sees.
Preprocessing = Callable[[Float[Array, "b h w 3"]], Float[Array, "b h w 3"]]
PREPROCESSING: dict[str, Preprocessing] = {"paper": preprocess, "release": preprocess_release}


class VGG19(nn.Module):
    """Features after the ReLU of the named layers: pixels of 0..255, [b, h, w, 3] -> {layer: [b, h', w', c]}.

    The mean colour that is subtracted first belongs to the filters, and is a parameter as they are: files differ in it.

    Attributes:
      layers: names in `LAYERS`, such as "conv3_2"; nothing beyond the last of them is computed.
      widths: channels of the five blocks.
      dtype: what convolutions compute in, once the mean is subtracted.
    """

    layers: tuple[str, ...]
    widths: tuple[int, ...] = WIDTHS
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, image: Float[Array, "b h w 3"]) -> dict[str, Array]:
        mean = self.param("mean", lambda key: jnp.array(MEAN, jnp.float32))
        features, x = {}, image - mean.astype(image.dtype)[None, None, None, :]
        for layer in needed_layers(self.layers):
            block, index = int(layer[4]), layer[6:]
            if index == "1" and block > 1:
                x = nn.avg_pool(x, (2, 2), strides=(2, 2))
            x = nn.Conv(
                self.widths[block - 1],
                (3, 3),
                padding="SAME",
                dtype=self.dtype,
                kernel_init=nn.initializers.he_normal(),
                conv_general_dilated=convolution.conv_general_dilated,
                name=layer,
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
    return LAYERS[: max((1 + LAYERS.index(layer) for layer in layers), default=0)]
