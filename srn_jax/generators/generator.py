"""A trained generator: parameters that know their own architecture."""

from typing import Any

import flax.linen as nn
from flax import struct

from srn_jax.errors import brief, pick
from srn_jax.geometry.placement import BETWEEN, MOST_SIDE, PLACEMENTS, Size
from srn_jax.models.generators import GENERATORS
from srn_jax.models.layers import attributes, parameter_shapes
from srn_jax.models.parameters import Params

_FORMER = {"blend": "rho"}  # an attribute's name in checkpoints of before -> its name


class Generator(struct.PyTreeNode):
    """A pytree of a generator's parameters; what they belong to is static and travels along.

    Attributes:
      params: the module's parameter tree.
      model: the Linen module, `SRN(...)`, `CA(...)`, or another of `models.generators`.
      known, canvas: the (height, width) in pixels that it was trained at.
      placement: how the known window lay on the canvas at training, a name in `geometry.PLACEMENTS`.
    """

    params: Params
    model: nn.Module = struct.field(pytree_node=False)
    known: Size = struct.field(pytree_node=False)
    canvas: Size = struct.field(pytree_node=False)
    placement: str = struct.field(pytree_node=False)


def architecture(generator: Generator) -> dict[str, Any]:
    """Returns all of `generator` but its parameters, as JSON can hold it; `from_architecture` is its inverse."""
    name = next(name for name, module in GENERATORS.items() if type(generator.model) is module)
    return {
        "model": {"name": name, **attributes(generator.model)},
        "known": list(generator.known),
        "canvas": list(generator.canvas),
        "placement": generator.placement,
    }


def from_architecture(description: dict[str, Any]) -> Generator:
    """Returns the generator that `architecture` described, with the shapes of its parameters in their place."""
    model = _described(description["model"])
    known, canvas = description["known"], description["canvas"]
    placement = description["placement"] if "placement" in description else description["margins"]
    for name, size in (("known", known), ("canvas", canvas)):
        if len(size) != 2 or any(type(side) is not int or not 0 < side <= MOST_SIDE for side in size):
            raise ValueError(f"{name} is {brief(size)}; it takes (height, width), up to {MOST_SIDE:,} pixels each")
    if any(small > large for small, large in zip(known, canvas, strict=True)) or known == canvas:
        raise ValueError(f"known is {known} and canvas {canvas}, which is no larger")
    if placement not in PLACEMENTS:
        raise ValueError(f"placement is {brief(placement)}; it takes one of {', '.join(PLACEMENTS)}")
    if placement in BETWEEN and (known[1] % 8 or known[1] == canvas[1]):
        raise ValueError(f"known is {known}, whose halves cannot lie at the ends of {canvas}")
    return Generator(parameter_shapes(model), model, tuple(known), tuple(canvas), placement)


def _described(model: dict[str, Any]) -> nn.Module:
    fields: dict[str, Any] = {
        _FORMER.get(key, key): tuple(value) if isinstance(value, list) else value for key, value in model.items()
    }
    return pick(GENERATORS, fields.pop("name"), "the checkpoint's model")(**fields)
