"""What every generator is made from, and how it is called."""

from abc import abstractmethod
from typing import Protocol, runtime_checkable

import flax.linen as nn
from jaxtyping import Array, Float


@runtime_checkable
class GeneratorSettings(Protocol):
    """What settings say of a generator: each kind takes what it knows of. `SRN` tells what they mean."""

    width: int
    expansion: str
    normalization: str
    rho: float


class GeneratorModule(nn.Module):
    """(image [b, H, W, 3], mask [b or 1, H, W, 1]) -> (prediction [b, H, W, 3], features [b, H, W, n])."""

    @classmethod
    @abstractmethod
    def from_settings(cls, settings: GeneratorSettings, ratio: tuple[int, int]) -> "GeneratorModule":
        """Returns the generator for a canvas that is `ratio`, (r1, r2), times the known picture."""

    @abstractmethod
    def __call__(
        self, image: Float[Array, "b h w 3"], mask: Float[Array, "#b h w 1"]
    ) -> tuple[Float[Array, "b h w 3"], Float[Array, "b h w n"]]:
        """Returns the prediction, in [-1, 1], for the whole canvas, and the expanded features."""
