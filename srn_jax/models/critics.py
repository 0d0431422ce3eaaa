"""The two critics (paper, section 3.2.3): both score completed images, [b, H, W, 3] -> [b]."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from srn_jax import ops
from srn_jax.models.layers import conv, leaky_relu
from srn_jax.models.parameters import Params


class GlobalCritic(nn.Module):
    """One score for the canvas as a whole; its dense layer ties it to one canvas size.

    Attributes:
      width: n; the paper's is 64.
    """

    width: int = 64

    @nn.compact
    def __call__(self, completed: Float[Array, "b h w 3"], mask: Float[Array, "#b h w 1"]) -> Float[Array, " b"]:
        del mask
        x = completed
        for layer, features in enumerate((1, 2, 4, 2), start=1):
            x = leaky_relu(conv(features * self.width, 5, stride=2, name=f"conv{layer}")(x))
        x = x.reshape(x.shape[0], -1)
        return nn.Dense(1, kernel_init=nn.initializers.glorot_uniform(), name="dense")(x)[:, 0]


class ContextCritic(nn.Module):
    """The mean of a score map over the synthesized region, so that the known part cannot vouch for the rest.

    Attributes:
      width: n; the paper's is 64.
    """

    width: int = 64

    @nn.compact
    def __call__(self, completed: Float[Array, "b h w 3"], mask: Float[Array, "#b h w 1"]) -> Float[Array, " b"]:
        x = completed
        for layer, features in enumerate((1, 2, 4), start=1):
            x = leaky_relu(conv(features * self.width, 5, stride=2, name=f"conv{layer}")(x))
        scores = conv(1, name="conv4")(x).astype(jnp.float32)
        region = ops.max_pool_x8(mask.astype(jnp.float32))
        area = jnp.maximum(region.sum((1, 2, 3)), 1.0)  # an empty mask scores 0
        return (scores * region).sum((1, 2, 3)) / area


@runtime_checkable
class CriticFactory(Protocol):
    """Makes a critic: (completed [b, H, W, 3], mask [b or 1, H, W, 1]) -> scores [b]."""

    def __call__(self, *, width: int) -> nn.Module: ...


CRITICS: dict[str, CriticFactory] = {"global": GlobalCritic, "context": ContextCritic}


def spectral_norm(kernel: Float[Array, "*inputs d"]) -> Float[Array, ""]:
    """Returns the largest singular value of a kernel as a matrix, inputs x outputs, to 1 %.

    Its direction comes from the Gram matrix, squared six times, and has no gradient: the power iteration of Miyato et
    al. (ICLR 2018) in 64 steps at once, with no vector that a training would have to carry along.
    """
    matrix = kernel.reshape(-1, kernel.shape[-1]).astype(jnp.float32)
    power = jax.lax.stop_gradient(matrix.T @ matrix)
    for _ in range(6):
        power /= jnp.maximum(jnp.linalg.norm(power), 1e-30)  # of a kernel of zeros
        power @= power
    direction = power[:, jnp.argmax(jnp.diagonal(power))]
    direction /= jnp.maximum(jnp.linalg.norm(direction), 1e-30)
    return ops.safe_sqrt(jnp.square(matrix @ direction).sum())


def spectral(params: Params) -> Params:
    """Returns critics' parameters with each kernel divided by its spectral norm; biases as they are."""
    return jax.tree.map(lambda leaf: leaf / jnp.maximum(spectral_norm(leaf), 1e-6) if leaf.ndim > 1 else leaf, params)


CriticWeights = Callable[[Params], Params]
# What is done to all critics' parameters before they are used; those that are trained stay as they are.
WEIGHTS: dict[str, CriticWeights] = {"plain": lambda params: params, "spectral": spectral}
