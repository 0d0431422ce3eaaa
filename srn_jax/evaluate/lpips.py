"""LPIPS (Zhang et al., CVPR 2018), version 0.1, through weights that the user has: AlexNet or VGG-16, and its own."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from srn_jax.errors import InputError
from srn_jax.evaluate.torch_weights import read_tensors

NEEDED = (
    "--lpips FILE FILE, alex.pth of the lpips package and alexnet-owt-7be5be79.pth of torchvision (or vgg.pth and "
    "vgg16-397923af.pth)"
)
_SHIFT, _SCALE = np.array([-0.030, -0.088, -0.188]), np.array([0.458, 0.448, 0.450])
_EPSILON = 1e-10


class Layer(NamedTuple):
    """A convolution, its number among torchvision's `features`, and what comes before it."""

    number: int
    stride: int = 1
    padding: int = 1
    pool: int = 0  # side of a maximum of stride 2 before it
    seen: bool = False  # whether LPIPS looks at what it gives


class Network(NamedTuple):
    """A network that LPIPS looks through, and the channels of the five places that it looks at."""

    layers: tuple[Layer, ...]
    channels: tuple[int, ...]


_ALEX = (
    Layer(0, 4, 2, seen=True),
    Layer(3, padding=2, pool=3, seen=True),
    Layer(6, pool=3, seen=True),
    Layer(8, seen=True),
    Layer(10, seen=True),
)
_VGG = (
    *(Layer(0), Layer(2, seen=True)),
    *(Layer(5, pool=2), Layer(7, seen=True)),
    *(Layer(10, pool=2), Layer(12), Layer(14, seen=True)),
    *(Layer(17, pool=2), Layer(19), Layer(21, seen=True)),
    *(Layer(24, pool=2), Layer(26), Layer(28, seen=True)),
)
NETWORKS = {
    "AlexNet": Network(_ALEX, (64, 192, 384, 256, 256)),
    "VGG-16": Network(_VGG, (64, 128, 256, 512, 512)),
}


class Params(NamedTuple):
    """Convolutions in the network's order, (kernel, bias), and how much each channel counts at each place."""

    convolutions: tuple[tuple[Any, Any], ...]
    weights: tuple[Any, ...]


def lpips(
    network: str, params: Params, one: UInt8[Array, "b h w 3"], other: UInt8[Array, "b h w 3"]
) -> Float[Array, " b"]:
    """Returns the distance of pictures, 0 where they are equal; `network` is a name in `NETWORKS`."""
    distance = jnp.zeros(len(one))
    for weight, a, b in zip(
        params.weights, _places(network, params, one), _places(network, params, other), strict=True
    ):
        distance += (jnp.square(_unit(a) - _unit(b)) * weight[None, None, None, :]).sum(axis=-1).mean(axis=(1, 2))
    return distance


def _places(network: str, params: Params, images: UInt8[Array, "b h w 3"]) -> list[Array]:
    shift, scale = (jnp.asarray(one, jnp.float32)[None, None, None, :] for one in (_SHIFT, _SCALE))
    x = (images.astype(jnp.float32) / 127.5 - 1.0 - shift) / scale
    seen = []
    for layer, (kernel, bias) in zip(NETWORKS[network].layers, params.convolutions, strict=True):
        if layer.pool:
            x = nn.max_pool(x, (layer.pool, layer.pool), (2, 2))
        padding = ((layer.padding, layer.padding),) * 2
        x = jax.lax.conv_general_dilated(
            x, kernel, (layer.stride, layer.stride), padding, dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        x = jax.nn.relu(x + bias[None, None, None, :])
        if layer.seen:
            seen.append(x)
    return seen


def _unit(x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
    # Outside of the root as in LPIPS; features that are all zero stay so.
    return x / (jnp.sqrt(jnp.square(x).sum(axis=-1, keepdims=True)) + _EPSILON)


def read_lpips(paths: Sequence[Path]) -> tuple[str, Params]:
    """Returns the network's name and its parameters, from one file with both or from two.

    Raises:
      InputError: the files hold no such network, or one of the two is missing.
    """
    tensors = {name: array for path in paths for name, array in read_tensors(path, "--lpips").items()}
    weights, filters = {}, {}
    for name, array in tensors.items():
        if found := re.fullmatch(r"lins?\.?(\d)\.model\.\d\.weight", name):
            weights[int(found[1])] = np.asarray(array, np.float32).reshape(-1)
        elif found := re.fullmatch(r"(?:features|net\.slice\d)\.(\d+)\.(weight|bias)", name):
            filters[int(found[1]), found[2]] = np.asarray(array, np.float32)
    channels = tuple(len(weights[number]) for number in sorted(weights))
    name = next((name for name, network in NETWORKS.items() if network.channels == channels), None)
    given = " and ".join(map(str, paths))
    if name is None:
        raise InputError(f"--lpips {given}: LPIPS' own weights, lin0 to lin4, are not there; it takes {NEEDED}")
    convolutions, last = [], 3
    for layer in NETWORKS[name].layers:
        kernel, bias = filters.get((layer.number, "weight")), filters.get((layer.number, "bias"))
        if kernel is None or bias is None or kernel.ndim != 4 or kernel.shape[1] != last:
            raise InputError(
                f"--lpips {given}: the filters of {name}, features.{layer.number}, are not there; it takes {NEEDED}"
            )
        convolutions.append((kernel.transpose(2, 3, 1, 0), bias))
        last = len(kernel)
    return name, Params(tuple(convolutions), tuple(weights[number] for number in range(len(weights))))
