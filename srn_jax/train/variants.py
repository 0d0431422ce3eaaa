"""The table entries that a phase's settings name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int

from srn_jax.config import Config, Loss, Phase
from srn_jax.errors import pick
from srn_jax.losses import adversarial, mrf, spatial
from srn_jax.models import vgg19
from srn_jax.models.critics import WEIGHTS, CriticWeights
from srn_jax.train import precision
from srn_jax.train.optimizer import learning_rate


@dataclass(frozen=True, kw_only=True)
class Variants:
    """What a phase's settings name, looked up once, before anything is compiled or written."""

    error: spatial.WeighedError
    weights: spatial.SpatialWeights
    id_mrf: mrf.IdMrf
    vgg_input: vgg19.Preprocessing
    objective: adversarial.Objective
    critic_weights: CriticWeights
    penalty_mask: adversarial.PenaltyMask
    combine: adversarial.Combination
    learning_rate: Callable[[Int[Array, ""]], Float[Array, ""]]
    dtype: DTypeLike
    remat: Callable[[Callable[..., Any]], Callable[..., Any]]


def look_up(name: str, *, config: Config, phase: Phase, loss: Loss) -> Variants:
    """Returns the variants of the phase called `name`; raises InputError for a name that its table lacks."""
    return Variants(
        error=pick(spatial.ERRORS, loss.error, "loss.error"),
        weights=pick(spatial.SPATIAL_WEIGHTS, loss.spatial, "loss.spatial"),
        id_mrf=pick(mrf.ID_MRF, loss.mrf, "loss.mrf"),
        vgg_input=pick(vgg19.PREPROCESSING, loss.vgg_input, "loss.vgg_input"),
        objective=pick(adversarial.OBJECTIVES, loss.adversarial, "loss.adversarial"),
        critic_weights=pick(WEIGHTS, config.critic.weights, "critic.weights"),
        penalty_mask=pick(adversarial.PENALTY_MASKS, loss.penalty_mask, "loss.penalty_mask"),
        combine=pick(adversarial.COMBINATIONS, loss.combine, "loss.combine"),
        learning_rate=learning_rate(phase, name),
        dtype=pick(precision.DTYPES, config.compute.dtype, "compute.dtype"),
        remat=pick(precision.REMAT, config.compute.remat, "compute.remat"),
    )
