"""Contextual attention against slow loops that follow its authors' code (version 1) operation by operation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from srn_jax.models.contextual_attention import contextual_attention

attend = jax.jit(contextual_attention)


def patch(x: np.ndarray, top: int, left: int, size: int) -> np.ndarray:
    """Returns the patch of `x` [h, w, c] whose first pixel is (top, left), zeros beyond the border."""
    result = np.zeros((size, size, x.shape[2]))
    for u, v in np.ndindex(size, size):
        if 0 <= top + u < x.shape[0] and 0 <= left + v < x.shape[1]:
            result[u, v] = x[top + u, left + v]
    return result


def fuse(scores: np.ndarray) -> np.ndarray:
    """Returns [p, q] correlated with the 3 x 3 identity, zeros beyond the border."""
    result = np.zeros_like(scores)
    for p, q in np.ndindex(scores.shape):
        for d in (-1, 0, 1):
            if 0 <= p + d < scores.shape[0] and 0 <= q + d < scores.shape[1]:
                result[p, q] += scores[p + d, q + d]
    return result


def attention_by_loops(features: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Returns the attention's output for one image [h, w, c] and its mask [h, w]; h and w even."""
    h, w = features.shape[0] // 2, features.shape[1] // 2
    rows, columns = ([int(np.floor(i * (2 * n - 1) / (n - 1) + 0.5)) for i in range(n)] for n in (h, w))
    small, small_mask = features[np.ix_(rows, columns)], mask[np.ix_(rows, columns)][..., None]
    places = [(i, j) for i in range(h) for j in range(w)]
    scores = np.zeros((h * w, h * w))
    for p, (i, j) in enumerate(places):
        for q, (k, m) in enumerate(places):
            other = patch(small, k - 1, m - 1, 3)
            scores[p, q] = (patch(small, i - 1, j - 1, 3) * other).sum() / max(np.sqrt((other**2).sum()), 1e-4)
    scores = fuse(scores)  # numbered row by row, then column by column
    by_columns = [i * w + j for j in range(w) for i in range(h)]
    turned = fuse(scores[np.ix_(by_columns, by_columns)])
    scores[np.ix_(by_columns, by_columns)] = turned
    known = np.array([patch(small_mask, k - 1, m - 1, 3).mean() == 0 for k, m in places], float)
    scores = scores * known * 10.0
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares = shares / shares.sum(axis=1, keepdims=True) * known
    result = np.zeros((2 * h + 4, 2 * w + 4, features.shape[2]))
    for p, (i, j) in enumerate(places):
        for q, (k, m) in enumerate(places):
            # SAME pads 4 x 4 patches every 2 pixels by 1 before; the frame of 2 catches what is laid beyond the border.
            result[2 * i + 1 : 2 * i + 5, 2 * j + 1 : 2 * j + 5] += shares[p, q] * patch(
                features, 2 * k - 1, 2 * m - 1, 4
            )
    return result[2:-2, 2:-2] / 4.0


@pytest.fixture(scope="module")
def case():
    rng = np.random.default_rng(0)
    features = np.maximum(rng.normal(0.2, 1.0, (2, 10, 14, 3)), 0).astype(np.float32)
    mask = np.ones((2, 10, 14, 1), np.float32)
    mask[0, 2:10, 4:14] = 0
    mask[1, 0:8, 0:10] = 0
    return features, mask


def test_it_equals_the_loops(case):
    features, mask = case
    expected = [attention_by_loops(f, m[..., 0]) for f, m in zip(features, mask, strict=True)]
    actual = attend(features, mask)
    np.testing.assert_allclose(actual, np.stack(expected), rtol=1e-4, atol=1e-4)


def test_unknown_features_are_never_copied(case):
    features, mask = case
    painted = attend(jnp.where(mask > 0, 1000.0 * features, 1.0), jnp.asarray(mask))
    assert 0.9 < float(painted.max()) <= 1.0 + 1e-5


def test_where_no_patch_is_known_the_result_is_zero_and_gradients_are_finite(case):
    features, _ = case
    mask = jnp.ones((1, *features.shape[1:3], 1))
    np.testing.assert_array_equal(attend(features, mask), 0.0)
    flat = jnp.zeros_like(features)
    known = mask.at[:, 2:, 2:].set(0.0)
    gradient = jax.jit(jax.grad(lambda x: jnp.square(contextual_attention(x, known) - 1.0).sum()))(flat)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("size", [(9, 14), (11, 7)])
def test_odd_sizes_keep_their_size(size):
    features = jax.random.uniform(jax.random.key(0), (1, *size, 2))
    mask = jnp.ones((1, *size, 1)).at[:, 1:9, 1:7].set(0.0)
    assert jax.eval_shape(contextual_attention, features, mask).shape == features.shape
