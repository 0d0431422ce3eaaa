"""Implicit diversified Markov random field (ID-MRF) loss on feature maps, in the paper's form and in the release's."""

from typing import NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

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


@jax.custom_vjp
def _log_shares(similarity: Float[Array, "v s"]) -> Float[Array, "v s"]:
    """Returns log RS_bar; its gradient is written out: half as many passes over v s numbers as JAX's own."""
    return _log_shares_forward(similarity)[0]


class _Exponents(NamedTuple):
    """What a row needs for log RS = similarity / width / h, whose width is another for its best entry; all [v, 1].

    Attributes:
      best, runner_up: the largest similarity, and the largest of the others.
      scale, best_scale: what similarities are multiplied by, and what the best one is.
      top, second: the largest exponent, which is the best one's, and the largest of the others.
      rest: sum of RS of all but the best, over that of the runner-up.
      total: sum of RS of all, over that of the best.
    """

    best: Array
    runner_up: Array
    scale: Array
    best_scale: Array
    top: Array
    second: Array
    rest: Array
    total: Array


def _log_shares_forward(similarity: Array) -> tuple[Array, tuple[Array, Array, _Exponents]]:
    best = jnp.max(similarity, axis=1, keepdims=True)
    is_best = _is_first(similarity == best)
    runner_up = jnp.max(jnp.where(is_best, -jnp.inf, similarity), axis=1, keepdims=True)
    # The maximum over the true positions without s is the best one, unless s is the best one itself. Features after a
    # ReLU are never opposed; clamping at 0 keeps the ratio's sign for those that are.
    scale, best_scale = (1.0 / ((jnp.maximum(rival, 0.0) + _EPSILON) * _BANDWIDTH) for rival in (best, runner_up))
    top, second = best * best_scale, runner_up * scale
    rest = jnp.where(is_best, 0.0, jnp.exp(similarity * scale - second)).sum(axis=1, keepdims=True)
    # Where s is not the best, the best's own share of 1 stays in what is left without s: nothing cancels.
    total = 1.0 + rest * jnp.exp(second - top)
    below = similarity * scale - top
    shares = jnp.where(is_best, top - second - jnp.log(rest), below - jnp.log(total - jnp.exp(below)))
    return shares, (similarity, is_best, _Exponents(best, runner_up, scale, best_scale, top, second, rest, total))


def _log_shares_backward(kept: tuple[Array, Array, _Exponents], cotangent: Array) -> tuple[Array]:
    similarity, is_best, x = kept
    exponent = similarity * x.scale
    share = jnp.exp(exponent - x.top)
    pull = jnp.where(is_best, 0.0, cotangent / (x.total - share))
    pulls = pull.sum(axis=1, keepdims=True)
    of_best = jnp.where(is_best, cotangent, 0.0).sum(axis=1, keepdims=True)
    # In the exponents: that of the best, and of the others.
    in_top = of_best - pulls
    in_others = cotangent - share * (pulls - pull) - of_best / x.rest * jnp.exp(exponent - x.second)
    in_others = jnp.where(is_best, 0.0, in_others)
    # Their scales are those of the best similarity and of the runner-up, where these are not clamped.
    in_scale = -_BANDWIDTH * x.scale * (in_others * exponent).sum(axis=1, keepdims=True)
    in_best = in_top * x.best_scale + jnp.where(x.best > 0.0, in_scale, 0.0)
    in_runner_up = jnp.where(x.runner_up > 0.0, -_BANDWIDTH * x.best_scale * in_top * x.top, 0.0)
    is_runner_up = _is_first((similarity == x.runner_up) & ~is_best)
    return (jnp.where(is_best, in_best, in_others * x.scale + jnp.where(is_runner_up, in_runner_up, 0.0)),)


_log_shares.defvjp(_log_shares_forward, _log_shares_backward)


def _is_first(found: Bool[Array, "v s"]) -> Bool[Array, "v s"]:
    """Returns where the first entry of each row is that is true."""
    return jnp.arange(found.shape[1])[None, :] == first_of(found, axis=1)[:, None]


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
