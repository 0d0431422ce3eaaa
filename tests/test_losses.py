"""Losses against loops over pixels and patches."""

import functools
from math import exp, log

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from srn_jax.losses import adversarial, mrf, spatial, style
from srn_jax.losses.row_blocks import best_of_rows, best_of_rows_dense, first_of
from tests.golden_cases import rounding
from tests.tiers import slow_but

AMPLIFICATION = 25  # how many times as much as its cosines, sums over the channels, ID-MRF and its gradient may change
REDUCED = pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def window_masks(height: int, width: int) -> np.ndarray:
    """Returns two masks, 1 = unknown, with different off-centre windows that are known."""
    masks = np.ones((2, height, width, 1), np.float32)
    masks[0, 1:4, 2:6] = 0
    masks[1, 2:5, 0:3] = 0
    return masks


# Spatial weights


def blur(x: np.ndarray) -> np.ndarray:
    """Returns [h, w] correlated with the 64 x 64 kernel, which is a box to 0.05 %, zeros beyond the border."""
    padded = np.pad(x, (31, 32))
    result = np.empty_like(x)
    for i, j in np.ndindex(x.shape):
        result[i, j] = padded[i : i + 64, j : j + 64].sum() / 64**2
    return result


def propagated(mask: np.ndarray, passes: int) -> list[np.ndarray]:
    """Returns M_w^0 ... M_w^passes of one [h, w] mask."""
    weights = [np.zeros(mask.shape)]
    for _ in range(passes):
        weights.append(blur(1 - mask + weights[-1]) * mask)
    return weights


def far_mask() -> np.ndarray:
    """Returns one mask with a known corner, so wide that each pass reaches 31 pixels farther and the ninth not all."""
    mask = np.ones((4, 330), np.float32)
    mask[1:3, :5] = 0
    return mask


def spatial_masks() -> list[np.ndarray]:
    return [window_masks(12, 40)[0, ..., 0], window_masks(12, 40)[1, ..., 0], far_mask()]


def weights_of(kind: str, mask: np.ndarray, **options) -> np.ndarray:
    """Returns the weights of one [h, w] mask, beside another in a batch."""
    batch = jnp.asarray(np.stack([np.zeros_like(mask), mask])[..., None])
    weigh = jax.jit(spatial.SPATIAL_WEIGHTS[kind], static_argnames=tuple(options))
    return np.asarray(weigh(batch, **options))[1, ..., 0]


@pytest.mark.parametrize("mask", spatial_masks())
def test_rsv_weights_equal_equation_6(mask):
    *_, previous, last = propagated(mask, 9)
    np.testing.assert_allclose(weights_of("rsv", mask), previous / np.maximum(last, 1e-5), rtol=2e-3)
    np.testing.assert_allclose(weights_of("rsv_release", mask), previous / (last + 1e-5), rtol=2e-3)


def test_rsv_weights_take_the_number_of_passes_and_epsilon():
    mask = spatial_masks()[0]
    *_, previous, last = propagated(mask, 3)
    expected = previous / np.maximum(last, 1e-3)
    assert (last > 1e-3).any()
    assert (last[mask == 1] < 1e-3).any()
    np.testing.assert_allclose(weights_of("rsv", mask, passes=3, epsilon=1e-3), expected, rtol=2e-3)


@pytest.mark.parametrize("mask", spatial_masks())
def test_confidence_weights_equal_seven_passes(mask):
    np.testing.assert_allclose(weights_of("confidence", mask), propagated(mask, 7)[-1], rtol=2e-3)


def test_plain_weights_are_the_mask():
    mask = window_masks(12, 40)[0, ..., 0]
    np.testing.assert_array_equal(weights_of("plain", mask), mask)


@pytest.mark.parametrize(("kind", "gamma"), [("discounted", 0.99), ("discounted_code", 0.9)])
def test_discounted_weights_fall_with_the_distance_to_the_known(kind, gamma):
    mask = window_masks(7, 11)[1, ..., 0]
    expected = np.zeros(mask.shape)
    for i, j in np.argwhere(mask == 1):
        expected[i, j] = gamma ** min(np.hypot(i - k, j - m) for k, m in np.argwhere(mask == 0))
    np.testing.assert_allclose(weights_of(kind, mask), expected / mask.mean(), rtol=1e-5)


@pytest.mark.parametrize("kind", spatial.SPATIAL_WEIGHTS)
def test_spatial_weights_vanish_outside_the_mask(kind):
    for mask in spatial_masks():
        weights = weights_of(kind, mask)
        assert (weights[mask == 0] == 0).all()
        assert weights[mask == 1].max() > 0
        assert np.isfinite(weights).all()
        assert (weights >= 0).all()


@pytest.mark.parametrize("kind", spatial.SPATIAL_WEIGHTS)
@pytest.mark.parametrize("value", [0, 1])
def test_spatial_weights_of_empty_and_full_masks_are_finite(kind, value):
    weights = weights_of(kind, np.full((12, 40), value, np.float32))
    assert (weights == (value if kind == "plain" else 0)).all()


def test_blur_taps_are_the_kernel_of_the_release():
    taps = spatial.blur_taps()
    assert taps.shape == (64,)
    np.testing.assert_allclose(taps, 1 / 64, rtol=5e-4)
    assert taps.astype(np.float64).sum() == pytest.approx(1, abs=1e-6)
    assert taps[0] < taps[31]  # a Gaussian nevertheless
    np.testing.assert_allclose(taps, taps[::-1], rtol=1e-6)


# Errors


@pytest.mark.parametrize("count", [1, 2])
def test_reconstruction_loss_equals_equation_7(count):
    prediction, truth, weights = normal(2, 6, 9, 3), normal(2, 6, 9, 3, seed=1), abs(normal(count, 6, 9, 1, seed=2))
    total = 0.0
    for b, i, j, k in np.ndindex(truth.shape):
        total += abs(float(truth[b, i, j, k]) - float(prediction[b, i, j, k])) * weights[b % count, i, j, 0]
    loss = jax.jit(spatial.reconstruction_loss)(prediction, truth, weights)
    assert float(loss) == pytest.approx(total / truth.size, rel=1e-5)


@pytest.mark.parametrize("count", [1, 2])
def test_psnr_loss_is_minus_the_mean_of_the_pictures_psnr(count):
    prediction, truth, weights = normal(2, 6, 9, 3), normal(2, 6, 9, 3, seed=1), abs(normal(count, 6, 9, 1, seed=2))
    scores = []
    for b in range(2):
        square, total = 0.0, 0.0
        for i, j, k in np.ndindex(truth.shape[1:]):
            weight = float(weights[b % count, i, j, 0])
            square += (float(truth[b, i, j, k]) - float(prediction[b, i, j, k])) ** 2 * weight
            total += weight
        scores.append(10 * np.log10(2.0**2 / (square / total + 1e-4)))
    loss = jax.jit(spatial.psnr_loss)(prediction, truth, weights)
    assert float(loss) == pytest.approx(-np.mean(scores), rel=1e-5)


def test_psnr_loss_is_finite_and_flat_where_the_truth_is_met():
    picture = normal(2, 6, 9, 3)
    everything = np.ones((1, 6, 9, 1), np.float32)
    value, gradient = jax.jit(jax.value_and_grad(spatial.psnr_loss))(picture, picture, everything)
    assert float(value) == pytest.approx(-10 * np.log10(4 / 1e-4), rel=1e-6)
    assert (gradient == 0).all()


def test_psnr_loss_listens_to_each_picture_alike():
    """A picture with errors ten times as large pulls no harder on what both could improve by the same share."""
    truth = np.zeros((2, 6, 9, 3), np.float32)
    prediction = truth + np.array([0.05, 0.5], np.float32)[:, None, None, None]
    gradient = jax.jit(jax.grad(spatial.psnr_loss))(prediction, truth, np.ones((1, 6, 9, 1), np.float32))
    pulls = (gradient * prediction).sum((1, 2, 3))
    np.testing.assert_allclose(pulls[0], pulls[1], rtol=0.05)  # the floor of the errors takes 4 % of the first


@pytest.mark.parametrize("count", [1, 2])
def test_autoencoding_loss_is_the_mean_error_on_known_pixels(count):
    prediction, truth, mask = normal(2, 6, 9, 3), normal(2, 6, 9, 3, seed=1), window_masks(6, 9)[:count]
    errors = []
    for b, i, j, k in np.ndindex(truth.shape):
        if mask[b % count, i, j, 0] == 0:
            errors.append(abs(float(truth[b, i, j, k]) - float(prediction[b, i, j, k])))
    loss = jax.jit(spatial.autoencoding_loss)(prediction, truth, mask)
    assert float(loss) == pytest.approx(np.mean(errors), rel=1e-5)


@pytest.mark.parametrize(
    ("loss", "nothing", "least"),
    [
        (spatial.reconstruction_loss, 0.0, 0.0),
        (spatial.autoencoding_loss, 1.0, 0.0),
        (spatial.psnr_loss, 0.0, -10 * np.log10(4 / 1e-4)),
    ],
)
def test_errors_where_nothing_counts_are_least_and_flat(loss, nothing, least):
    region = np.full((2, 6, 9, 1), nothing, np.float32)
    value, gradient = jax.jit(jax.value_and_grad(loss))(normal(2, 6, 9, 3), normal(2, 6, 9, 3, seed=1), region)
    assert float(value) == pytest.approx(least, rel=1e-6)
    assert (gradient == 0).all()


def mean_error(difference: np.ndarray) -> float:
    return float(np.abs(difference).mean())


def mean_psnr(difference: np.ndarray) -> float:
    return float(10 * np.log10(((difference**2).mean((1, 2, 3)) + 1e-4) / 4).mean())


@REDUCED
@pytest.mark.parametrize(
    ("loss", "everything", "expected"),
    [
        (spatial.reconstruction_loss, 1, mean_error),
        (spatial.autoencoding_loss, 0, mean_error),
        (spatial.psnr_loss, 1, mean_psnr),
    ],
)
def test_errors_accumulate_in_float32(loss, everything, expected, dtype):
    prediction, truth = (normal(2, 30, 40, 3, seed=seed).astype(dtype) for seed in (0, 1))
    result = jax.jit(loss)(prediction, truth, np.full((1, 30, 40, 1), everything, dtype))
    exact = expected(prediction.astype(np.float64) - truth.astype(np.float64))
    assert result.dtype == jnp.float32
    assert float(result) == pytest.approx(exact, rel=rounding([prediction.size]))


# ID-MRF


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b) / float(a @ a) ** 0.5 / float(b @ b) ** 0.5


def id_mrf_by_loops(generated: np.ndarray, truth: np.ndarray) -> float:
    """Returns the paper's ID-MRF loss of two batches of feature maps."""
    losses = []
    for v_map, s_map in zip(generated.astype(np.float64), truth.astype(np.float64), strict=True):
        vs, ss = v_map.reshape(-1, v_map.shape[-1]), s_map.reshape(-1, s_map.shape[-1])
        patches = range(len(ss))
        mu = [[cosine(v, s) for s in ss] for v in vs]
        relative = []
        for v in range(len(vs)):
            rs = []
            for s in patches:
                rival = max(mu[v][r] for r in patches if r != s)
                rs.append(exp(mu[v][s] / (rival + 1e-5) / 0.5))
            relative.append([rs[s] / sum(rs[r] for r in patches if r != s) for s in patches])
        nearest = [max(relative[v][s] for v in range(len(vs))) for s in patches]
        losses.append(-log(sum(nearest) / len(patches)))
    return sum(losses) / len(losses)


def feature_maps() -> tuple[np.ndarray, np.ndarray]:
    """Returns generated and true features, not negative, some patches shared and some true ones alike."""
    generated, truth = abs(normal(2, 2, 3, 6)), abs(normal(2, 2, 3, 6, seed=1))
    generated[0, 1, 2] = 3 * truth[0, 0, 1]  # the same patch up to scale
    generated[1, 0, 0] = truth[1, 1, 0]
    truth[1, 1, 2] = truth[1, 0, 2]  # s itself is left out, its twin is not
    return generated, truth


def distinct_maps() -> tuple[np.ndarray, np.ndarray]:
    """Returns features so unlike each other that RS overflows float32, though not the loops' float64."""
    patches = np.eye(6, dtype=np.float32).reshape(1, 2, 3, 6)
    return patches[:, ::-1] + 0.01 * abs(normal(2, 2, 3, 6)), patches + 0.01 * abs(normal(2, 2, 3, 6, seed=1))


@functools.cache
def value_and_gradients(form: str):
    return jax.jit(jax.value_and_grad(mrf.ID_MRF[form], argnums=(0, 1)))


@pytest.mark.parametrize("maps", [feature_maps(), distinct_maps()], ids=["shared", "distinct"])
def test_id_mrf_equals_the_paper_and_its_gradient_finite_differences(maps):
    generated, truth = maps
    value, (gradient, _) = value_and_gradients("paper")(generated, truth)
    assert float(value) == pytest.approx(id_mrf_by_loops(generated, truth), rel=1e-4)
    for seed in range(4):
        direction = normal(*generated.shape, seed=10 + seed).astype(np.float64)
        above, below = (id_mrf_by_loops(generated + step * direction, truth) for step in (1e-6, -1e-6))
        slope = float((np.asarray(gradient, np.float64) * direction).sum())
        assert slope == pytest.approx((above - below) / 2e-6, rel=1e-3)


@pytest.mark.parametrize("opposed", [0, 6, 7])
def test_the_written_gradient_of_the_paper_s_shares_is_that_of_its_formula(opposed):
    """Of every entry, not of the best alone, where so many of a row are opposed: their rivals are clamped."""
    rng = np.random.default_rng(5)
    signs = np.repeat([[-1.0] * opposed + [1.0] * (7 - opposed)], 5, axis=0)
    similarity = rng.uniform(0.1, 1, (5, 7)) * rng.permuted(signs, axis=1)
    cotangent = rng.normal(size=similarity.shape)

    def pulled(similarity: np.ndarray) -> float:
        """Returns <cotangent, log RS_bar> by its formula."""
        total = 0.0
        for row, weights in zip(similarity, cotangent, strict=True):
            rivals = [max(np.delete(row, s).max(), 0.0) for s in range(row.size)]
            logs = row / ((np.array(rivals) + mrf._EPSILON) * mrf._BANDWIDTH)
            for s, weight in enumerate(weights):
                others = np.delete(logs, s)
                total += weight * (logs[s] - others.max() - np.log(np.exp(others - others.max()).sum()))
        return total

    (gradient,) = jax.vjp(mrf._log_shares, jnp.float32(similarity))[1](jnp.float32(cotangent))
    steps = 1e-6 * np.eye(similarity.size).reshape(-1, *similarity.shape)
    slopes = [(pulled(similarity + step) - pulled(similarity - step)) / 2e-6 for step in steps]
    np.testing.assert_allclose(np.ravel(gradient), slopes, rtol=1e-3, atol=1e-3 * np.abs(slopes).max())


def flat(value: float) -> np.ndarray:
    return np.full((2, 2, 3, 6), value, np.float32)


DEGENERATE = {
    "flat, different": (flat(0.7), flat(3.1)),
    "flat, alike": (flat(0.1), flat(0.1)),
    "zero": (flat(0), flat(0)),
    "zero generated": (flat(0), feature_maps()[1]),
    "zero truth": (feature_maps()[0], flat(0)),
    "identical": (feature_maps()[0], feature_maps()[0]),
    "orthogonal": (np.eye(6, dtype=np.float32).reshape(1, 2, 3, 6).repeat(2, axis=0),) * 2,
    "opposed": (-feature_maps()[0], feature_maps()[1]),
    "large": (1e8 * feature_maps()[0], 1e8 * feature_maps()[1]),
    "small": (1e-8 * feature_maps()[0], 1e-8 * feature_maps()[1]),
}


@pytest.mark.parametrize("case", DEGENERATE)
@pytest.mark.parametrize("form", mrf.ID_MRF)
def test_id_mrf_and_its_gradients_stay_finite(form, case):
    value, gradients = value_and_gradients(form)(*DEGENERATE[case])
    assert np.isfinite(value)
    assert all(np.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.parametrize("form", mrf.ID_MRF)
def test_id_mrf_is_least_for_the_truth_itself(form):
    generated, truth = feature_maps()
    assert value_and_gradients(form)(truth, truth)[0] < value_and_gradients(form)(generated, truth)[0] - 0.1


@pytest.mark.parametrize("axis", [0, 1])
def test_first_of_is_argmax_and_past_the_end_where_nothing_is_true(axis):
    found = np.random.default_rng(0).random((6, 7)) < 0.3
    found[:, 2] = found[3] = False
    found[0, :2] = found[:2, 0] = True  # several in one row, and in one column
    expected = np.where(found.any(axis), found.argmax(axis), found.shape[axis])
    assert found.shape[axis] in expected
    np.testing.assert_array_equal(first_of(jnp.asarray(found), axis), expected)


@pytest.mark.parametrize("form", mrf.ID_MRF)
@pytest.mark.parametrize("block_rows", slow_but([7], [1, 7, 64, 10_000]))
def test_id_mrf_by_blocks_equals_the_dense_form(form, block_rows):
    rng = np.random.default_rng(1)
    truth = np.maximum(rng.normal(size=(2, 9, 13, 8)), 0).astype(np.float32)
    generated = np.maximum(0.5 * truth + rng.normal(size=truth.shape), 0).astype(np.float32)

    def run(best):
        def loss(generated, truth):
            return mrf.ID_MRF[form](generated, truth, best=best)

        return jax.jit(jax.value_and_grad(loss, argnums=(0, 1)))(generated, truth)

    value, gradients = run(functools.partial(best_of_rows, block_rows=block_rows))
    dense_value, dense_gradients = run(best_of_rows_dense)
    limit = AMPLIFICATION * rounding(3 * [8])
    np.testing.assert_allclose(value, dense_value, rtol=limit)
    for gradient, dense in zip(gradients, dense_gradients, strict=True):
        assert np.linalg.norm(gradient - dense) < limit * np.linalg.norm(dense)


@pytest.mark.parametrize("form", mrf.ID_MRF)
@pytest.mark.parametrize("flat", slow_but(["both"], ["both", "generated", "truth", "all"]))
def test_id_mrf_by_blocks_shares_the_gradient_of_ties_as_the_dense_form_does(form, flat):
    rng = np.random.default_rng(4)
    generated, truth = rng.random((2, 1, 6, 7, 4), np.float32)
    for name, maps in (("generated", generated), ("truth", truth)):
        if flat in (name, "both", "all"):
            maps[:, 2 if flat != "all" else 0 :] = maps[:, 3:4, 2:3]

    def gradients(best):
        return jax.grad(lambda g, t: mrf.ID_MRF[form](g, t, best=best), argnums=(0, 1))

    # Compiled, the maximum may be compared with values whose last bits differ: no tie, and a gradient of 0 / 0.
    with jax.disable_jit():
        dense = gradients(best_of_rows_dense)(generated, truth)
    for block_rows in (4, 42):
        by_blocks = jax.jit(gradients(functools.partial(best_of_rows, block_rows=block_rows)))(generated, truth)
        for actual, expected in zip(by_blocks, dense, strict=True):
            rounded = rounding(3 * [4])  # and that is left where all are alike, and what sums to 0 is of order 1
            assert np.linalg.norm(actual - expected) <= AMPLIFICATION * rounded * np.linalg.norm(expected) + rounded


@pytest.mark.parametrize("form", mrf.ID_MRF)
def test_id_mrf_s_memory_is_linear_in_the_patches(form):
    def temporary_bytes(side, **options):
        maps = jax.ShapeDtypeStruct((1, side, side, 8), jnp.float32)
        loss = jax.jit(jax.grad(lambda generated, truth: mrf.ID_MRF[form](generated, truth, **options)))
        analysis = loss.lower(maps, maps).compile().memory_analysis()
        assert analysis
        return analysis.temp_size_in_bytes

    small, large = temporary_bytes(64), temporary_bytes(128)  # 4,096 and 16,384 patches
    assert large < 4.4 * small
    assert large < temporary_bytes(128, best=best_of_rows_dense) / 20


@REDUCED
@pytest.mark.parametrize("form", mrf.ID_MRF)
def test_id_mrf_accumulates_in_float32(form, dtype):
    maps = [(300 * features).astype(dtype) for features in feature_maps()]  # their squares overflow float16
    result = jax.jit(mrf.ID_MRF[form])(*maps)
    exact = value_and_gradients(form)(*(features.astype(np.float32) for features in maps))[0]
    assert result.dtype == jnp.float32
    assert float(result) == pytest.approx(float(exact), rel=AMPLIFICATION * rounding(3 * [6]))


# Adversarial terms


def test_wasserstein_losses():
    real, fake = jnp.array([1.0, 2.0, 6.0]), jnp.array([-1.0, 4.0, -9.0])
    assert float(adversarial.critic_loss(real, fake)) == pytest.approx(-2 - 3)
    assert float(adversarial.generator_loss(fake)) == pytest.approx(2)


@REDUCED
def test_wasserstein_losses_accumulate_in_float32(dtype):
    real, fake = ((100 * abs(normal(999, seed=seed))).astype(dtype) for seed in (0, 1))
    means = [scores.astype(np.float64).mean() for scores in (real, fake)]
    critic, generator = jax.jit(adversarial.critic_loss)(real, fake), jax.jit(adversarial.generator_loss)(fake)
    assert critic.dtype == generator.dtype == jnp.float32
    assert float(critic) == pytest.approx(means[1] - means[0], abs=rounding([fake.size]) * max(means))
    assert float(generator) == pytest.approx(-means[1], rel=rounding([fake.size]))


def test_hinge_loss_equals_loops():
    real, fake = normal(9, seed=3) * 2, normal(9, seed=4) * 2
    total = 0.0
    for score in real:
        total += max(0.0, 1.0 - score) / 9
    for score in fake:
        total += max(0.0, 1.0 + score) / 9
    assert (real > 1).any()
    assert (fake < -1).any()
    assert float(jax.jit(adversarial.hinge_loss)(real, fake)) == pytest.approx(total, rel=1e-6)


@pytest.mark.parametrize("name", adversarial.OBJECTIVES)
def test_objectives_raise_real_scores_and_lower_fake_ones_where_the_generator_raises_them(name):
    objective, scores = adversarial.OBJECTIVES[name], np.array([-0.5, 0.25, 0.75], np.float32)
    value, (real, fake) = jax.jit(jax.value_and_grad(objective.critic, (0, 1)))(scores, scores[::-1])
    assert value.shape == ()
    assert value.dtype == jnp.float32
    np.testing.assert_allclose(real, np.full(3, -1 / 3), rtol=1e-6)
    np.testing.assert_allclose(fake, np.full(3, 1 / 3), rtol=1e-6)
    np.testing.assert_allclose(jax.jit(jax.grad(objective.generator))(scores), np.full(3, -1 / 3), rtol=1e-6)


def test_a_hinge_lets_go_of_scores_beyond_its_margin_and_penalizes_no_slope():
    hinge, beyond = adversarial.OBJECTIVES["hinge"], jnp.array([1.5, 40.0])
    value, gradients = jax.value_and_grad(hinge.critic, (0, 1))(beyond, -beyond)
    assert value == 0
    for gradient in gradients:
        np.testing.assert_array_equal(gradient, 0)
    images, mask = jnp.asarray(normal(2, 4, 5, 3)), jnp.ones((1, 4, 5, 1))
    assert hinge.penalty(lambda x: 7 * x.sum((1, 2, 3)), images, mask) == 0


@REDUCED
def test_hinge_loss_accumulates_in_float32(dtype):
    real, fake = ((100 * abs(normal(999, seed=seed))).astype(dtype) for seed in (0, 1))
    expected = np.maximum(1 - real.astype(np.float64), 0).mean() + (1 + fake.astype(np.float64)).mean()
    hinge = jax.jit(adversarial.hinge_loss)(real, fake)
    assert hinge.dtype == jnp.float32
    assert float(hinge) == pytest.approx(expected, rel=rounding([fake.size]))


def test_interpolate_goes_from_truth_to_completed():
    truth, completed = normal(3, 4, 5, 3), normal(3, 4, 5, 3, seed=1)
    result = jax.jit(adversarial.interpolate)(truth, completed, np.array([0, 0.25, 1], np.float32))
    np.testing.assert_allclose(result[0], truth[0], atol=1e-6)
    np.testing.assert_allclose(result[1], 0.75 * truth[1] + 0.25 * completed[1], atol=1e-6)
    np.testing.assert_allclose(result[2], completed[2], atol=1e-6)


def penalty_of(score, images, mask) -> jax.Array:
    return jax.jit(lambda images, mask: adversarial.gradient_penalty(score, images, mask))(images, mask)


@pytest.mark.parametrize("count", [1, 2])
def test_gradient_penalty_of_a_quadratic_critic(count):
    """The critic sum(slope x^2 / 2) has the gradient slope x: another one for each image."""
    images, slope, mask = normal(2, 6, 9, 3), 0.2 * normal(6, 9, 3, seed=1), abs(normal(count, 6, 9, 1, seed=2))
    expected = 0.0
    for b in range(2):
        square = 0.0
        for i, j, k in np.ndindex(6, 9, 3):
            square += (slope[i, j, k] * images[b, i, j, k] * mask[b % count, i, j, 0]) ** 2
        expected += (square**0.5 - 1) ** 2 / 2

    def score(x):
        return (x**2 * slope[None] / 2).sum((1, 2, 3))

    assert float(penalty_of(score, images, mask)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("mask", "expected"), [(1.0, (5.0 - 1) ** 2), (0.5, (2.5 - 1) ** 2), (0.2, 0.0), (0.0, 1.0)])
def test_gradient_penalty_of_a_linear_critic(mask, expected):
    """The critic 3 x[0] + 4 x[1] of two pixels has a gradient of length 5 everywhere."""

    def score(x):
        return 3 * x[:, 0, 2, 1] + 4 * x[:, 3, 1, 0] - 7

    penalty = penalty_of(score, normal(2, 4, 5, 3), np.full((1, 4, 5, 1), mask, np.float32))
    assert float(penalty) == pytest.approx(expected, abs=1e-5)


def test_gradient_penalty_of_a_critic_that_is_still_constant():
    images, mask = jnp.asarray(normal(2, 4, 5, 3)), jnp.asarray(window_masks(4, 5))

    def penalty(slope):
        return adversarial.gradient_penalty(lambda x: (slope * x).sum((1, 2, 3)) + 3.0, images, mask)

    value, gradient = jax.jit(jax.value_and_grad(penalty))(np.zeros((1, 4, 5, 3), np.float32))
    assert value == 1
    assert np.isfinite(gradient).all()


@REDUCED
def test_gradient_penalty_accumulates_in_float32(dtype):
    slope = (100 * normal(1, 6, 9, 3)).astype(dtype)  # the sum of its squares overflows float16
    images, mask = np.zeros((2, 6, 9, 3), dtype), np.ones((1, 6, 9, 1), dtype)
    penalty = penalty_of(lambda x: (slope * x).sum((1, 2, 3)), images, mask)
    length = (slope.astype(np.float64) ** 2).sum() ** 0.5
    assert penalty.dtype == jnp.float32
    assert float(penalty) == pytest.approx((length - 1) ** 2, rel=1e-5)


def pooled_and_enlarged(mask: np.ndarray) -> np.ndarray:
    """Returns [24, 40] pooled to 3 x 5 and enlarged by nearest neighbours with the corners aligned."""
    expected = np.empty_like(mask)
    for i, j in np.ndindex(24, 40):
        row, column = round(i * 2 / 23), round(j * 4 / 39)  # no ties here
        expected[i, j] = mask[8 * row : 8 * row + 8, 8 * column : 8 * column + 8].max()
    return expected


@pytest.mark.parametrize("critic", ["global", "context"])
@pytest.mark.parametrize("form", adversarial.PENALTY_MASKS)
def test_penalty_masks(form, critic):
    mask = np.ones((2, 24, 40, 1), np.float32)
    mask[0, 8:19, 5:25] = 0
    mask[1, :17, 20:] = 0
    weights = abs(normal(2, 24, 40, 1))
    expected = {
        ("paper", "global"): weights,
        ("paper", "context"): weights,
        ("release", "global"): mask,
        ("release", "context"): np.stack([pooled_and_enlarged(m) for m in mask[..., 0]])[..., None],
    }
    result = adversarial.PENALTY_MASKS[form](critic, jnp.asarray(mask), jnp.asarray(weights))
    np.testing.assert_array_equal(result, expected[form, critic])


@pytest.mark.parametrize(("form", "expected"), [("mean", 3.0), ("sum", 6.0)])
def test_combinations_of_the_critics(form, expected):
    combine = adversarial.COMBINATIONS[form]
    assert float(combine([jnp.array(1.5), jnp.array(4.5)])) == expected
    assert float(combine([jnp.array(4.5)])) == 4.5


# Style


def test_gram_loss_equals_loops():
    rng = np.random.default_rng(2)
    maps = rng.normal(size=(2, 2, 3, 4, 5)).astype(np.float32)
    expected = 0.0
    for generated, truth in zip(maps[0], maps[1], strict=True):
        for i, j in np.ndindex(5, 5):
            grams = [(features[..., i] * features[..., j]).sum() for features in (generated, truth)]
            expected += (grams[0] - grams[1]) ** 2 / (4 * 5**2 * (3 * 4) ** 2)
    np.testing.assert_allclose(jax.jit(style.gram_loss)(maps[0], maps[1]), expected / 2, rtol=1e-5)


def test_gram_loss_forgets_where_things_are():
    maps = np.random.default_rng(3).normal(size=(1, 4, 6, 3)).astype(np.float32)
    assert float(style.gram_loss(jnp.asarray(maps), jnp.asarray(maps[:, ::-1, ::-1]))) < 1e-10
    assert float(style.gram_loss(jnp.asarray(maps), jnp.asarray(2 * maps))) > 0.01


@pytest.mark.slow
def test_every_winner_among_one_hot_rows_has_its_gradient():
    """Logarithms of shares are about 2e5 there, in steps of 0.02: computed anew, tied ones differ by more than 1e-5."""

    def one_hot(seed: int) -> jax.Array:
        rng = np.random.default_rng(seed)
        features = np.zeros((96, 256), np.float32)
        features[np.arange(96), rng.integers(0, 256, 96)] = rng.uniform(0.5, 3, 96)
        return mrf._normalize(jnp.asarray(features))

    rows, columns = one_hot(4), one_hot(104)
    best, pull = jax.vjp(lambda rows: best_of_rows(mrf._log_shares, rows, columns), rows)
    assert best.max() > 1e5
    reference = jax.vjp(lambda rows: best_of_rows_dense(mrf._log_shares, rows, columns), rows)[1]
    each = jnp.eye(len(columns))
    found = np.asarray(jax.vmap(lambda e: pull(e)[0])(each)).any(axis=(1, 2))
    expected = np.asarray(jax.vmap(lambda e: reference(e)[0])(each)).any(axis=(1, 2))
    assert expected.sum() > 80
    assert (found | ~expected).all()
