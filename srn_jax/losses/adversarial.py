"""What critics and generator minimize: WGAN-GP, with the masks that its penalty looks through, or hinges."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from srn_jax import ops


def critic_loss(real: Float[Array, " b"], fake: Float[Array, " b"]) -> Float[Array, ""]:
    """Returns E[D(fake)] - E[D(real)], what a critic minimizes beside its penalty."""
    return jnp.mean(fake.astype(jnp.float32)) - jnp.mean(real.astype(jnp.float32))


def generator_loss(fake: Float[Array, " b"]) -> Float[Array, ""]:
    """Returns -E[D(fake)], what the generator minimizes."""
    return -jnp.mean(fake.astype(jnp.float32))


def hinge_loss(real: Float[Array, " b"], fake: Float[Array, " b"]) -> Float[Array, ""]:
    """Returns E[max(0, 1 - D(real))] + E[max(0, 1 + D(fake))] (Lim and Ye 2017; DeepFill v2, Yu et al., ICCV 2019).

    Scores beyond the margin of 1 have no gradient: a critic that tells pictures apart stops there by itself.
    """
    beyond = jax.nn.relu(1.0 - real.astype(jnp.float32)), jax.nn.relu(1.0 + fake.astype(jnp.float32))
    return jnp.mean(beyond[0]) + jnp.mean(beyond[1])


def interpolate(
    truth: Float[Array, "b h w 3"], completed: Float[Array, "b h w 3"], alpha: Float[Array, " b"]
) -> Float[Array, "b h w 3"]:
    """Returns x_hat = truth + alpha (completed - truth), one alpha in [0, 1] an image; both critics see the same."""
    return truth + alpha[:, None, None, None] * (completed - truth)


def gradient_penalty(
    score: Callable[[Array], Array], images: Float[Array, "b h w c"], mask: Float[Array, "#b h w 1"]
) -> Float[Array, ""]:
    """Returns E[(||grad D(x_hat) mask||_2 - 1)^2] (paper, equation 12), 1 where the gradient vanishes.

    Args:
      score: a critic, images -> [b], each score a function of its own image alone.
      images: x_hat.
      mask: what the gradient is looked at through, in [0, 1].
    """
    gradient = jax.grad(lambda x: score(x).astype(jnp.float32).sum())(images).astype(jnp.float32)
    slope = ops.safe_sqrt(jnp.square(gradient * mask).sum((1, 2, 3)))
    return jnp.mean(jnp.square(slope - 1.0))


def no_penalty(
    score: Callable[[Array], Array], images: Float[Array, "b h w c"], mask: Float[Array, "#b h w 1"]
) -> Float[Array, ""]:
    """Returns 0."""
    del score, images, mask
    return jnp.zeros(())


@dataclass(frozen=True)
class Objective:
    """What is minimized on one critic's scores, [b].

    Attributes:
      critic: (real, fake) -> the critic's loss beside its penalty.
      generator: fake -> the generator's loss.
      penalty: (score, x_hat, mask) -> what the critic's slope costs, to be weighted by lambda_gp.
    """

    critic: Callable[[Array, Array], Array]
    generator: Callable[[Array], Array]
    penalty: Callable[[Callable[[Array], Array], Array, Array], Array]


OBJECTIVES: dict[str, Objective] = {
    "wgan_gp": Objective(critic_loss, generator_loss, gradient_penalty),
    "hinge": Objective(hinge_loss, generator_loss, no_penalty),
}


def paper_penalty_mask(critic: str, mask: Float[Array, "b h w 1"], weights: Array) -> Float[Array, "b h w 1"]:
    """Returns M_w for both critics (paper, equation 12)."""
    del critic, mask
    return weights


def release_penalty_mask(critic: str, mask: Float[Array, "b h w 1"], weights: Array) -> Float[Array, "b h w 1"]:
    """Returns M for the global critic, and for the context critic M pooled by 8 and enlarged again, corners aligned."""
    del weights
    if critic == "global":
        return mask
    return ops.resize_nearest_aligned(ops.max_pool_x8(mask), (mask.shape[1], mask.shape[2]))


# (the critic's name, filling mask, spatial weights) -> what its gradient is looked at through, in [0, 1].
PenaltyMask = Callable[[str, Float[Array, "b h w 1"], Float[Array, "b h w 1"]], Float[Array, "b h w 1"]]
# One loss a critic -> the generator's.
Combination = Callable[[list[Float[Array, ""]]], Float[Array, ""]]

PENALTY_MASKS: dict[str, PenaltyMask] = {
    "paper": paper_penalty_mask,
    "release": release_penalty_mask,
}

# How the critics' losses of the generator are combined: the paper halves their sum (equation 13), the release does not.
COMBINATIONS: dict[str, Combination] = {
    "mean": lambda losses: sum(losses[1:], losses[0]) / len(losses),
    "sum": lambda losses: sum(losses[1:], losses[0]),
}
