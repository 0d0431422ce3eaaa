"""The semantic regeneration network: SRN and SRN-HR."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from srn_jax import geometry
from srn_jax.errors import pick
from srn_jax.models.cpn import CPN
from srn_jax.models.expansion import EXPANSIONS
from srn_jax.models.fen import FEN
from srn_jax.models.interface import GeneratorModule, GeneratorSettings


class SRN(GeneratorModule):
    """SRN: FEN on the known picture alone, feature expansion to the canvas, CPN (paper, figure 2).

    Called with `image` [b, H, W, 3] in [-1, 1] (read on the known window only) and the filling mask [b or 1, H, W, 1];
    returns the prediction [b, H, W, 3] in [-1, 1] for the whole canvas, and the expanded features [b, H, W, n].
    The known window is H / r1 x W / r2, its sides multiples of 4; where it lies is read off the mask, and where its
    halves do that lie at both ends of the canvas: FEN sees them side by side.

    Attributes:
      ratio: (r1, r2), canvas over known picture, whole numbers of at least 1.
      width: n; the paper's is 64.
      expansion: a name in `expansion.EXPANSIONS`.
      normalization: a name in `ops.NORMALIZATIONS`.
      rho: context normalization's.
    """

    ratio: tuple[int, int] = (2, 2)
    width: int = 64
    expansion: str = "subpixel"
    normalization: str = "paper"
    rho: float = 0.5

    @classmethod
    def from_settings(cls, settings: GeneratorSettings, ratio: tuple[int, int]) -> "SRN":
        return cls(
            ratio=ratio,
            width=settings.width,
            expansion=settings.expansion,
            normalization=settings.normalization,
            rho=settings.rho,
        )

    @nn.compact
    def __call__(
        self, image: Float[Array, "b h w 3"], mask: Float[Array, "#b h w 1"]
    ) -> tuple[Float[Array, "b h w 3"], Float[Array, "b h w n"]]:
        window = (image.shape[1] // self.ratio[0], image.shape[2] // self.ratio[1])
        offset, gap = geometry.known_offset(mask), geometry.known_gap(mask)
        features = FEN(self.width, name="fen")(geometry.crop_known(image, offset, gap, window))
        expansion = pick(EXPANSIONS, self.expansion, "model.expansion")
        features = expansion(ratio=self.ratio, name="expansion")(features, offset, gap)
        known = geometry.known_canvas(image, mask)
        prediction = CPN(self.width, self.normalization, self.rho, name="cpn")(features, known, mask)
        return jnp.clip(prediction, -1.0, 1.0), features


class SRNHR(GeneratorModule):
    """SRN-HR: FEN on the full canvas with the unknown part zeroed, no expansion, the same CPN (paper, section 4.1).

    Called as `SRN`; any known rectangle suits, or two, and the canvas' sides are multiples of 4.

    Attributes:
      width: n; the paper's is 64.
      normalization: a name in `ops.NORMALIZATIONS`.
      rho: context normalization's.
    """

    width: int = 64
    normalization: str = "paper"
    rho: float = 0.5

    @classmethod
    def from_settings(cls, settings: GeneratorSettings, ratio: tuple[int, int]) -> "SRNHR":
        del ratio  # it paints any canvas
        return cls(width=settings.width, normalization=settings.normalization, rho=settings.rho)

    @nn.compact
    def __call__(
        self, image: Float[Array, "b h w 3"], mask: Float[Array, "#b h w 1"]
    ) -> tuple[Float[Array, "b h w 3"], Float[Array, "b h w n"]]:
        known = geometry.known_canvas(image, mask)
        features = FEN(self.width, name="fen")(known)
        prediction = CPN(self.width, self.normalization, self.rho, name="cpn")(features, known, mask)
        return jnp.clip(prediction, -1.0, 1.0), features
