"""Networks, context normalization, masks and critics under `numerics="release"` against the authors' arrays."""

from collections.abc import Iterable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from srn_jax import geometry, ops
from srn_jax.convert import release
from srn_jax.losses import adversarial, spatial
from srn_jax.models.critics import ContextCritic, GlobalCritic
from srn_jax.models.layers import apply
from srn_jax.models.srn import SRN, SRNHR
from tests import golden_cases
from tests.golden_cases import rounding, subsample, sums

NETWORKS = {
    "c1_srn_subpixel": SRN(ratio=(2, 2), width=8, expansion="subpixel_reshape", normalization="release"),
    "c2_srn_bilinear": SRN(ratio=(2, 2), width=8, expansion="bilinear", normalization="release"),
    "c2_srn_deconv": SRN(ratio=(2, 2), width=8, expansion="deconv", normalization="release"),
    "c2_srn_subpixel_nocn": SRN(ratio=(2, 2), width=8, expansion="subpixel_reshape", normalization="none"),
    "c2_srn_subpixel_wide": SRN(ratio=(1, 2), width=8, expansion="subpixel_reshape", normalization="release"),
    "c2_srn_unfold": SRN(ratio=(2, 2), width=8, expansion="unfold", normalization="release"),
    "c3_srn_hr": SRNHR(width=8, normalization="release"),
    "c4_srn_onesided": SRN(ratio=(4, 1), width=8, expansion="subpixel_reshape", normalization="release"),
}


def release_scale(image: np.ndarray) -> np.ndarray:
    """Returns 0..255 as [-1, 1] in the release's float32 arithmetic."""
    return image * np.float32(1 / 127.5) - np.float32(1)


def mask_of(case: golden_cases.Case) -> jax.Array:
    """Returns a network case's filling mask, from its margins."""
    top, left, bottom, right = case["margin"].tolist()
    height, width = case["image"].shape[1:3]
    offset = jnp.array([[top, left]], jnp.int32)
    return geometry.unknown_mask(offset, (height, width), (height - top - bottom, width - left - right))


def assert_close(
    case: golden_cases.Case, name: str, actual, lengths: Iterable[int], scale: float | None = None
) -> None:
    """Asserts that `actual` is the golden array, but for the rounding of a chain of sums of `lengths` terms.

    What is rounded is as large as the array's largest value, or as `scale`.
    """
    expected = case[name]
    tolerance = rounding(lengths) * (float(np.abs(expected).max()) if scale is None else scale)
    np.testing.assert_allclose(subsample(name, actual), expected, rtol=0, atol=tolerance, err_msg=name)


def test_every_network_case_is_covered():
    assert sorted(NETWORKS) == [name for name in golden_cases.cases() if name[:2] in ("c1", "c2", "c3", "c4")]


@pytest.mark.parametrize("name", NETWORKS)
def test_network_equals_release(name):
    case, model = golden_cases.load(name), NETWORKS[name]
    image, mask = jnp.asarray(release_scale(case["image"])), mask_of(case)
    params, lengths = release.parameters(case.weights)["generator"], sums(case.weights)

    @jax.jit
    def run(params, image, mask):
        def keep(module, method):
            return method == "__call__" and module.name in ("fen", "cpn", "allconv11")

        return model.apply({"params": params}, image, mask, capture_intermediates=keep, mutable=["intermediates"])

    (prediction, features), captured = run(params, image, mask)
    inner = captured["intermediates"]
    assert_close(case, "predicted@3", prediction, lengths)
    assert_close(case, "x_fe@3", features, lengths)
    if "fen_out@3" in case.arrays:
        assert_close(case, "fen_out@3", inner["fen"]["__call__"][0], lengths)
        assert_close(case, "preclip@3", inner["cpn"]["__call__"][0], lengths)
        assert_close(case, "cn_in", jax.nn.elu(inner["cpn"]["allconv11"]["__call__"][0])[..., ::3], lengths)
        small_mask = ops.resize_nearest(mask, (case["cn_in"].shape[1], case["cn_in"].shape[2]))
        normalized = ops.NORMALIZATIONS["release"](jnp.asarray(case["cn_in"]), small_mask, 0.5)
        assert_close(case, "cn_out", normalized, 4 * [small_mask.size])
    # test.py's bytes, which it truncates and reverses to RGB.
    rounded = release_scale(np.round(case["image"]))
    (prediction, _), _ = run(params, jnp.asarray(rounded), mask)
    completed = np.asarray(geometry.complete(prediction, jnp.asarray(rounded), mask))
    levels = np.clip((completed + np.float32(1)) * np.float32(127.5), 0, 255).astype(np.uint8)[..., ::-1]
    difference = np.abs(levels.astype(int) - case["out_uint8_rev"].astype(int))
    assert difference.max() <= 1
    # So many of levels, 127.5 to the unit, lie so near the next.
    assert (difference > 0).mean() < 127.5 * rounding(lengths)
    known = np.broadcast_to(np.asarray(mask) == 0, difference.shape)
    assert difference[known].max() == 0


def loss_masks() -> list[str]:
    return [name.removeprefix("mask_") for name in golden_cases.load("c5_loss_masks").arrays if name[:4] == "mask"]


@pytest.mark.parametrize("geometry_name", loss_masks())
def test_spatial_weights_equal_release(geometry_name):
    case = golden_cases.load("c5_loss_masks")
    mask = jnp.asarray(case[f"mask_{geometry_name}"], jnp.float32)
    for prefix, weights in (("rsv", "rsv_release"), ("conf", "confidence")):
        name = next(n for n in case.arrays if n.startswith(f"{prefix}_{geometry_name}"))
        # Nine or seven blurs of rows and of columns.
        assert_close(case, name, jax.jit(spatial.SPATIAL_WEIGHTS[weights])(mask), 18 * [spatial.blur_taps().size])


def test_blur_kernel_equals_release():
    case = golden_cases.load("c5_loss_masks")
    name = next(n for n in case.arrays if n.startswith("gauss_kernel"))
    np.testing.assert_allclose(np.outer(spatial.blur_taps(), spatial.blur_taps()), case[name], rtol=1e-5)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_context_normalization_equals_release(number):
    case = golden_cases.load("c6_cn_downsampling")
    x, mask, cotangent = (jnp.asarray(case[f"cn{number}_{part}"], jnp.float32) for part in ("x", "mask", "cotangent"))
    rho = float(case[f"cn{number}_alpha"])
    small = ops.resize_nearest(mask, (x.shape[1], x.shape[2]))

    @jax.jit
    def normalized_and_pulled_back(x, small, cotangent):
        y, backward = jax.vjp(lambda x: ops.context_normalization_release(x, small, rho), x)
        return y, *backward(cotangent)

    y, gradient = normalized_and_pulled_back(x, small, cotangent)
    # A mean and a variance of the known and of the unknown; backward, as many again.
    assert_close(case, f"cn{number}_y", y, 4 * [small.size])
    assert_close(case, f"cn{number}_grad_x", gradient, 8 * [small.size])


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_mask_pooling_equals_release(number):
    case = golden_cases.load("c6_cn_downsampling")
    mask = jnp.asarray(case[f"down{number}_mask"], jnp.float32)
    np.testing.assert_array_equal(ops.max_pool_x8(mask), case[f"down{number}_y"])
    local = adversarial.release_penalty_mask("context", mask, mask)
    np.testing.assert_array_equal(local, case[f"down{number}_mask_local"])


def test_critics_and_penalties_equal_release():
    case = golden_cases.load("c7_discriminator")
    params = release.parameters(case.weights)
    pos, neg, mask = (jnp.asarray(case[name], jnp.float32) for name in ("pos", "neg", "mask"))
    mixed = adversarial.interpolate(pos, neg, jnp.asarray(case["alpha"])[:, 0])
    assert_close(case, "interpolates@3", mixed, [3 * 3])  # three roundings, all of them upwards at the worst
    for name, theirs, critic in (("global", "global", GlobalCritic(8)), ("context", "local", ContextCritic(8))):
        lengths = sums(params[name])

        @jax.jit
        def score(images, critic=critic, name=name):
            return apply(critic, params[name], images, mask)

        real, fake = score(pos), score(neg)
        expected = case[f"pos_neg_{theirs}"]
        largest = float(np.abs(expected).max())  # losses are differences of scores
        assert_close(case, f"pos_neg_{theirs}", jnp.concatenate([real, fake]).reshape(expected.shape), lengths)
        assert_close(case, f"g_loss_{theirs}", adversarial.generator_loss(fake), lengths, largest)
        assert_close(case, f"d_loss_{theirs}", adversarial.critic_loss(real, fake), lengths, largest)
        assert_close(case, f"inter_{theirs}", score(mixed).reshape(case[f"inter_{theirs}"].shape), lengths, largest)
        gradient = jax.jit(jax.grad(lambda x: score(x).sum()))(mixed)
        assert_close(case, f"grad_{theirs}@3", gradient, 2 * lengths)  # there and back
        penalty_mask = adversarial.release_penalty_mask(name, mask, mask)
        slopes = jnp.sqrt(jnp.square(gradient * penalty_mask).sum((1, 2, 3)))
        assert_close(case, f"slopes_{theirs}", slopes, 2 * lengths)
        # (slope - 1)^2 moves by 2 |slope - 1| for each unit of the slope.
        steepest = 2 * float(np.max(np.abs(slopes - 1) * slopes))
        penalty = jax.jit(partial(adversarial.gradient_penalty, score))(mixed, penalty_mask)
        assert_close(case, f"penalty_{theirs}", penalty, 2 * lengths, steepest)
    np.testing.assert_array_equal(adversarial.release_penalty_mask("context", mask, mask), case["mask_local"])
