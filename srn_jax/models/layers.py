"""The convolutions that every network here is built from."""

import dataclasses
from collections.abc import Callable
from functools import cache, partial, reduce
from operator import add
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax.errors import ScopeParamShapeError
from flax.linen.dtypes import promote_dtype
from jax.nn.initializers import Initializer
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from srn_jax import convolution


def parameter(module: nn.Module, name: str, initializer: Initializer, shape: tuple[int, ...]) -> ArrayLike:
    """Returns what `module.param(name, initializer, shape)` does, within `module`.

    Linen learns the shape that a parameter must have by tracing its initializer, in every call of every layer, which is
    up to a third of the time that tracing a network takes.

    Raises:
      ScopeParamShapeError: the parameter that is there has another shape.
    """
    if not module.has_variable("params", name):
        return module.param(name, initializer, shape)
    value = module.get_variable("params", name)
    if jnp.shape(value) != shape:
        raise ScopeParamShapeError(name, module.scope.path_text if module.scope else "", shape, jnp.shape(value))
    return value


class Conv(nn.Module):
    """A SAME convolution and its bias, [b, h, w, c] -> [b, oh, ow, features]; Glorot uniform kernel, as in the release.

    Attributes:
      function: (x, kernel) -> the convolution.
    """

    features: int
    size: int
    function: Callable[[Array, Array], Array]

    @nn.compact
    def __call__(self, *parts: Float[Array, "b h w _"]) -> Float[Array, "b oh ow d"]:
        """Returns what it makes of `parts` side by side along their channels.

        Each is convolved by itself: they need not be copied into one, and what is data needs no gradient.
        """
        channels = [part.shape[-1] for part in parts]
        shape = (self.size, self.size, sum(channels), self.features)
        kernel = parameter(self, "kernel", nn.initializers.glorot_uniform(), shape)
        bias = parameter(self, "bias", nn.initializers.zeros_init(), (self.features,))
        kernel, bias, *promoted = promote_dtype(kernel, bias, *parts, dtype=None)
        kernels = jnp.split(kernel, np.cumsum(channels)[:-1], axis=2)
        convolved = [self.function(part, of_part) for part, of_part in zip(promoted, kernels, strict=True)]
        return add_bias(reduce(add, convolved), bias)


def conv(features: int, size: int = 3, *, stride: int = 1, dilation: int = 1, name: str | None = None) -> Conv:
    """Returns a SAME convolution and its bias."""
    return Conv(features, size, partial(convolution.conv, stride=stride, dilation=dilation), name=name)


def add_bias(y: Float[Array, "b h w d"], bias: Float[Array, " d"]) -> Float[Array, "b h w d"]:
    """Returns y + bias. The bias' gradient is summed in float32: a sum of 65,536 in bfloat16 would stop at 256."""
    return y + jnp.broadcast_to(bias.astype(jnp.float32), y.shape).astype(y.dtype)


class UpsampleConv(nn.Module):
    """Nearest x2, then a 3 x 3 convolution, [b, h, w, c] -> [b, 2h, 2w, features]."""

    features: int

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b 2*h 2*w d"]:
        return Conv(self.features, 3, convolution.upsample_conv, name="conv")(x)


class ConvTranspose(nn.Module):
    """A transposed 3 x 3 convolution and its bias, padded as TensorFlow's conv2d_transpose SAME."""

    features: int
    strides: tuple[int, int]

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b oh ow d"]:
        shape = (3, 3, self.features, x.shape[-1])  # [3, 3, out, in], as the release stores them
        kernel = parameter(self, "kernel", nn.initializers.glorot_uniform(), shape)
        bias = parameter(self, "bias", nn.initializers.zeros_init(), (self.features,))
        x, kernel, bias = promote_dtype(x, kernel, bias, dtype=None)
        y = jax.lax.conv_transpose(
            x,
            kernel,
            self.strides,
            "SAME",
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            transpose_kernel=True,
        )
        return add_bias(y, bias)


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


@cache
def parameter_shapes(module: nn.Module, canvas: tuple[int, int] | None = None) -> Any:
    """Returns the tree of a network's parameters, their shapes in their place.

    A generator has the same for canvases of any size, a critic need not.
    """
    height, width = canvas or (4 * ratio for ratio in getattr(module, "ratio", (1, 1)))

    def init() -> Any:
        return module.init(jax.random.key(0), jnp.zeros((1, height, width, 3)), jnp.ones((1, height, width, 1)))

    with convolution.few_calls():
        return jax.eval_shape(init)["params"]


def apply(module: nn.Module, params: Any, *arrays: Array) -> Any:
    """Returns what `module` computes from `arrays` with the parameter tree `params`."""
    return module.apply({"params": params}, *arrays)
