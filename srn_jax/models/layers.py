"""The convolutions that every network here is built from."""

import dataclasses
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
from jaxtyping import Array, Float

from srn_jax import convolution


def conv(
    features: int,
    size: int = 3,
    *,
    stride: int = 1,
    dilation: int = 1,
    function: Callable[..., Array] = convolution.conv_general_dilated,
    name: str | None = None,
) -> nn.Conv:
    """Returns a SAME convolution, initialised as in the release: Glorot uniform kernel, zero bias."""
    return nn.Conv(
        features,
        (size, size),
        strides=(stride, stride),
        padding="SAME",
        kernel_dilation=(dilation, dilation),
        kernel_init=nn.initializers.glorot_uniform(),
        conv_general_dilated=function,
        name=name,
    )


class UpsampleConv(nn.Module):
    """Nearest x2, then a 3 x 3 convolution, [b, h, w, c] -> [b, 2h, 2w, features]."""

    features: int

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b 2*h 2*w d"]:
        return conv(self.features, function=_upsample_conv, name="conv")(x)


def _upsample_conv(x: Array, kernel: Array, *unused: Any, **more: Any) -> Array:
    del unused, more
    return convolution.upsample_conv(x, kernel)


def leaky_relu(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """Returns max(x, 0.2 x), the critics' activation."""
    return jax.nn.leaky_relu(x, 0.2)


def attributes(module: nn.Module) -> dict[str, Any]:
    """Returns what a network was made with: its own attributes, without those that Linen adds."""
    names = (field.name for field in dataclasses.fields(module))
    return {name: getattr(module, name) for name in names if name not in ("parent", "name")}


STAGES = "stages"  # the collection into which a network of several stages sows its earlier predictions


def apply_stages(module: nn.Module, params: Any, image: Array, mask: Array) -> tuple[Array, list[Array]]:
    """Returns a generator's prediction, and those of its earlier stages, [b, H, W, 3] each; most have none."""
    (prediction, _), sown = module.apply({"params": params}, image, mask, mutable=[STAGES])
    return prediction, jax.tree.leaves(sown)


def apply(module: nn.Module, params: Any, *arrays: Array) -> Any:
    """Returns what `module` computes from `arrays` with the parameter tree `params`."""
    return module.apply({"params": params}, *arrays)
