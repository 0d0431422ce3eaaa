"""Implicit diversified Markov random field (ID-MRF) loss on feature maps, in the paper's form and in the release's."""

from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from srn_jax.losses.row_blocks import Best, best_of_rows, first_of

_BANDWIDTH = 0.5  # h
_EPSILON = 1e-5
MAX_RELEASE_POSITIONS = 65 * 65  # above it the release compares as many positions, drawn at random


def id_mrf(
    generated: Float[Array, "b h w c"],
    truth: Float[Array, "b h w c"],
    *,
    key: Key[Array, ""] | None = None,
    axis_name: str | None = None,
    best: Best = best_of_rows,
) -> Float[Array, ""]:
    """Returns the ID-MRF loss between two feature maps, averaged over the batch (paper, section 3.2.2).

    With v over generated and s, r over true positions, mu the cosine similarity, rho_s the true positions without s:
        RS(v, s) = exp(mu(v, s) / (max_{r in rho_s} mu(v, r) + eps) / h),
        RS_bar(v, s) = RS(v, s) / sum_{r in rho_s} RS(v, r),
        loss = -log(mean_s max_v RS_bar(v, s)).
    Everything stays in logarithms: RS alone overflows float32.

    Args:
      generated, truth: features of at least 2 positions, not negative (after a ReLU), any scale.
      key, axis_name: unused; nothing here is drawn, or shared between images.
      best: `best_of_rows`, with memory linear in h w; or the dense reference.

    Features of length zero count as unlike everything.
    """
    del key, axis_name

    def one(images: tuple[Array, Array]) -> Array:
        generated, truth = (_normalize(features) for features in images)
        return -_log_mean_exp(best(_log_shares, generated, truth))

    return jnp.mean(jax.lax.map(one, (_flat(generated), _flat(truth))))


def _log_shares(similarity: Float[Array, "v s"]) -> Float[Array, "v s"]:
    """Returns log RS_bar."""
    best = jnp.max(similarity, axis=1, keepdims=True)
    is_best = jnp.arange(similarity.shape[1])[None, :] == first_of(similarity == best, axis=1)[:, None]
    runner_up = jnp.max(jnp.where(is_best, -jnp.inf, similarity), axis=1, keepdims=True)
    # The maximum over the true positions without s is the best one, unless s is the best one itself. Features after a
    # ReLU are never opposed; clamping at 0 keeps the ratio's sign for those that are.
    rival = jnp.maximum(jnp.where(is_best, runner_up, best), 0.0)
    log_rs = similarity / ((rival + _EPSILON) * _BANDWIDTH)
    return log_rs - _log_sum_exp_of_others(log_rs, is_best)


def _log_sum_exp_of_others(x: Float[Array, "v s"], is_best: Array) -> Float[Array, "v s"]:
    """Returns log sum_{r != s} exp(x[v, r]) without the cancellation of subtracting a dominant term."""
    best = jax.lax.stop_gradient(jnp.max(x, axis=1, keepdims=True))
    share = jnp.exp(x - best)
    total = share.sum(axis=1, keepdims=True)
    without_best = jax.nn.logsumexp(jnp.where(is_best, -jnp.inf, x), axis=1, keepdims=True)
    # Where s is not the best, the best's own share of 1 stays in the difference.
    others = best + jnp.log(jnp.where(is_best, 1.0, total - share))
    return jnp.where(is_best, without_best, others)


def _log_mean_exp(x: Float[Array, " s"]) -> Float[Array, ""]:
    return jax.nn.logsumexp(x) - jnp.log(x.shape[0])


def id_mrf_release(
    generated: Float[Array, "b h w c"],
    truth: Float[Array, "b h w c"],
    *,
    key: Key[Array, ""] | None = None,
    axis_name: str | None = None,
    positions: Int[Array, " p"] | None = None,
    best: Best = best_of_rows,
) -> Float[Array, ""]:
    """Returns the release's ID-MRF loss, a contextual loss whose softmax runs over the generated positions.

    Features are centred by the generated ones' mean over batch and positions; d = (1 - cos) / 2 between true s and
    generated t, r = d / (min_t d + 1e-5), w = softmax over t of (1 - r) / 0.5, loss = mean_B(-log(mean_t max_s w)).

    Args:
      generated, truth: features of any range.
      key: draws the positions that are compared where there are more than 65^2, alike for both maps and every image.
      axis_name: the mapped axis that the batch is split over, if any: the mean is taken over all of it.
      positions: row-major positions to compare in place of drawn ones.
      best: `best_of_rows`, or the dense reference.
    """
    if positions is None and key is not None and generated.shape[1] * generated.shape[2] > MAX_RELEASE_POSITIONS:
        positions = jax.random.permutation(key, generated.shape[1] * generated.shape[2])[:MAX_RELEASE_POSITIONS]

    def select(features: Array) -> Array:
        return _flat(features) if positions is None else _flat(features)[:, positions]

    def one(images: tuple[Array, Array]) -> Array:
        generated, truth = (_normalize(features) for features in images)
        return -_log_mean_exp(best(_log_shares_release, truth, generated))

    generated, truth = select(generated), select(truth)
    center = generated.mean((0, 1), keepdims=True)
    if axis_name is not None:
        center = jax.lax.pmean(center, axis_name)
    return jnp.mean(jax.lax.map(one, (generated - center, truth - center)))


def _log_shares_release(cosine: Float[Array, "s t"]) -> Float[Array, "s t"]:
    """Returns log w."""
    distance = (1.0 - cosine) / 2.0
    relative = distance / (distance.min(axis=1, keepdims=True) + _EPSILON)
    return jax.nn.log_softmax((1.0 - relative) / _BANDWIDTH, axis=1)


def _flat(features: Float[Array, "b h w c"]) -> Float[Array, "b n c"]:
    return features.astype(jnp.float32).reshape(features.shape[0], -1, features.shape[-1])


def _normalize(features: Float[Array, "n c"]) -> Float[Array, "n c"]:
    """Returns each row at length 1; rows of length 0 stay 0, with gradient 0."""
    square = jnp.square(features).sum(axis=-1, keepdims=True)
    positive = square > 1e-24  # below, the gradient of rsqrt overflows
    return jnp.where(positive, features * jax.lax.rsqrt(jnp.where(positive, square, 1.0)), 0.0)


@runtime_checkable
class IdMrf(Protocol):
    """A form of the loss between two feature maps; `key` and `axis_name` are for those that draw, or share a mean."""

    def __call__(
        self,
        generated: Float[Array, "b h w c"],
        truth: Float[Array, "b h w c"],
        *,
        key: Key[Array, ""] | None = None,
        axis_name: str | None = None,
        best: Best = best_of_rows,
    ) -> Float[Array, ""]: ...


ID_MRF: dict[str, IdMrf] = {"paper": id_mrf, "release": id_mrf_release}
