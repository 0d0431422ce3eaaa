"""The two Wasserstein critics (paper, section 3.2.3): both score completed images, [b, H, W, 3] -> [b]."""

from typing import Protocol, runtime_checkable

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from srn_jax import ops
from srn_jax.models.layers import conv, leaky_relu


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
