"""A trained generator: parameters that know their own architecture, and loading them from a checkpoint."""

import json
from pathlib import Path
from typing import Any

import flax.linen as nn
from flax import struct

from srn_jax.geometry import Size
from srn_jax.models.srn import GENERATORS
from srn_jax.tables import pick

ARCHITECTURE = "architecture"  # names of the two items of a checkpoint that inference needs
PARAMETERS = "generator"


@struct.dataclass
class Generator:
    """A pytree of a generator's parameters; what they belong to is static and travels along.

    Attributes:
      params: the module's parameter tree.
      model: the Linen module, `SRN(...)` or `SRNHR(...)`.
      known, canvas: the (height, width) that it was trained at.
      margins: how the known window lay on the canvas at training, a name in `geometry.MARGINS`.
    """

    params: Any
    model: nn.Module = struct.field(pytree_node=False)
    known: Size = struct.field(pytree_node=False, default=(128, 128))
    canvas: Size = struct.field(pytree_node=False, default=(256, 256))
    margins: str = struct.field(pytree_node=False, default="center")
