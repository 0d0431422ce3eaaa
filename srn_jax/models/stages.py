"""The stretches of convolutions that FEN, CPN and the baselines are put together from.

Each is called inside a compact module and adds layers to it, under the release's names: `prefix` and the number.
"""

from collections.abc import Callable
from typing import NamedTuple

from jaxtyping import Array, Float

from srn_jax import ops
from srn_jax.models.layers import UpsampleConv, conv


class Widths(NamedTuple):
    """Features of an encoder's first four convolutions."""

    conv1: int
    conv2: int
    conv3: int
    conv4: int


def encode(
    x: Float[Array, "b h w c"],
    prefix: str,
    widths: Widths,
    width: int,
    *,
    beside: tuple[Float[Array, "b h w _"], ...] = (),
    last: Callable[[Array], Array] = ops.elu,
) -> Float[Array, "b h4 w4 d"]:
    """Returns `width` features at a quarter of the size: layers 1 to 6, the last of them with activation `last`.

    Channels of `beside` follow those of `x`.
    """
    x = ops.elu(conv(widths.conv1, 5, name=f"{prefix}conv1")(x, *beside))
    x = ops.elu(conv(widths.conv2, stride=2, name=f"{prefix}conv2_downsample")(x))
    x = ops.elu(conv(widths.conv3, name=f"{prefix}conv3")(x))
    x = ops.elu(conv(widths.conv4, stride=2, name=f"{prefix}conv4_downsample")(x))
    x = ops.elu(conv(width, name=f"{prefix}conv5")(x))
    return last(conv(width, name=f"{prefix}conv6")(x))


def dilate(x: Float[Array, "b h w c"], prefix: str, width: int) -> Float[Array, "b h w d"]:
    """Returns features that see far around them: layers 7 to 10, dilated by 2, 4, 8 and 16."""
    for layer, dilation in ((7, 2), (8, 4), (9, 8), (10, 16)):
        x = ops.elu(conv(width, dilation=dilation, name=f"{prefix}conv{layer}_atrous")(x))
    return x


def decode(x: Float[Array, "b h w c"], prefix: str, n: int) -> Float[Array, "b 4*h 4*w n"]:
    """Returns n features at four times the size: layers 12 to 15."""
    x = ops.elu(conv(4 * n, name=f"{prefix}conv12")(x))
    x = ops.elu(UpsampleConv(2 * n, name=f"{prefix}conv13_upsample")(x))
    x = ops.elu(conv(2 * n, name=f"{prefix}conv14")(x))
    return ops.elu(UpsampleConv(n, name=f"{prefix}conv15_upsample")(x))


def to_picture(x: Float[Array, "b h w n"], prefix: str, n: int) -> Float[Array, "b h w 3"]:
    """Returns three channels, not clipped: layers 16 and 17."""
    x = ops.elu(conv(n // 2, name=f"{prefix}conv16")(x))
    return conv(3, name=f"{prefix}conv17")(x)
