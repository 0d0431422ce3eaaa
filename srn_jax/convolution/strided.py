"""The gradient in the input of a convolution with a stride, by convolutions that have none.

XLA's own put zeros between what they convolve: on a CPU that costs up to half of the time at batch 1, and most of it
for more pictures.
"""

import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from srn_jax import ops
from srn_jax.convolution import plain, winograd
from srn_jax.convolution.plain import Sampling

_FEWEST_CHANNELS = 32


def suits(part: str, g: Sampling, ins: int, outs: int) -> bool:
    """Returns whether the form exists for this part of a convolution, and is faster than XLA's on a CPU."""
    if g.stride == 1 or g.dilation > 1 or min(ins, outs) < _FEWEST_CHANNELS:
        return False
    return part == "input_gradient" and min(g.taps) >= g.stride and not any(side % g.stride for side in g.inputs)


def input_gradient(
    g: Sampling, y: Float[Array, "b oh ow d"], kernel: Float[Array, "kh kw c d"]
) -> Float[Array, "b h w c"]:
    """Returns the gradient of <y, output(x, kernel)> in x: the pixels of each phase from the taps that reach them."""
    turned, before = kernel.swapaxes(2, 3), plain.padding_before(g, y)
    along = (_phases(*side, g.stride) for side in zip(g.taps, before, strict=True))
    phases = [(turned[row.taps, column.taps], row, column) for row, column in itertools.product(*along)]
    small = Sampling(1, 1, y.shape[1:3], (3, 3))
    if g.taps == (5, 5) and winograd.suits("output", small, turned.shape[2], len(phases) * turned.shape[3]):
        joined = jnp.concatenate([jnp.pad(k, (*map(_to_three, place), (0, 0), (0, 0))) for k, *place in phases], axis=3)
        maps = winograd.output(small, y, joined)
    else:
        maps = jnp.concatenate([_convolve(y, k, [phase.padding for phase in place]) for k, *place in phases], axis=3)
    return ops.pixel_shuffle(maps, (g.stride, g.stride))


def _convolve(y: Float[Array, "b h w d"], kernel: Float[Array, "kh kw d c"], padding: list[tuple[int, int]]) -> Array:
    return jax.lax.conv_general_dilated(y, kernel, (1, 1), padding, dimension_numbers=plain.NUMBERS)


class _Phase(NamedTuple):
    """What reaches every stride-th pixel of a side.

    Attributes:
      taps: in the order of the outputs that they bring.
      first: the first of these outputs, counted from the pixel's own.
      length: how many they are.
    """

    taps: slice
    first: int
    length: int

    @property
    def padding(self) -> tuple[int, int]:
        """Zeros before and behind the outputs."""
        return -self.first, self.first + self.length - 1


def _phases(taps: int, before: int, stride: int) -> list[_Phase]:
    """Returns the phases of a side: output j brings pixel p by the tap p + before - stride j."""
    found = []
    for phase in range(stride):
        last = taps - 1 - (taps - 1 - phase - before) % stride
        found.append(_Phase(slice(last, None, -stride), (phase + before - last) // stride, last // stride + 1))
    return found


def _to_three(phase: _Phase) -> tuple[int, int]:
    """Returns the zeros that make its taps 3, of which the middle one is the pixel's own output."""
    return 1 + phase.first, 2 - phase.first - phase.length
