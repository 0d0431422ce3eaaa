"""Array maths against loops over pixels."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from srn_jax import ops


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def window_masks(height: int, width: int) -> np.ndarray:
    """Returns two masks, 1 = unknown, with different off-centre windows that are known."""
    masks = np.ones((2, height, width, 1), np.float32)
    masks[0, 1:4, 2:6] = 0
    masks[1, 2:5, 0:3] = 0
    return masks


def test_bytes_are_scaled_to_1_and_back_exactly():
    levels = np.arange(256, dtype=np.uint8)
    scaled = ops.from_bytes(levels)
    assert (scaled.dtype, scaled[0], scaled[-1]) == (np.float32, -1.0, 1.0)
    np.testing.assert_array_equal(np.round(ops.to_levels(scaled)), levels)
    by_jax = jax.jit(ops.from_bytes)(levels)
    assert by_jax.dtype == np.float32
    np.testing.assert_allclose(by_jax, scaled, atol=2**-23)  # multiplied and subtracted at once
    assert ops.to_levels(by_jax.astype(jnp.bfloat16)).dtype == jnp.bfloat16


RATIOS = pytest.mark.parametrize("ratio", [(2, 3), (3, 1), (1, 2)])


@RATIOS
def test_pixel_shuffle_equals_equation_1(ratio):
    (r1, r2), n = ratio, 5
    f = normal(2, 3, 4, n * r1 * r2)
    expected = np.empty((2, 3 * r1, 4 * r2, n), np.float32)
    for b, i, j, k in np.ndindex(expected.shape):
        expected[b, i, j, k] = f[b, i // r1, j // r2, n * r2 * (i % r1) + n * (j % r2) + k]
    np.testing.assert_array_equal(ops.pixel_shuffle(jnp.asarray(f), ratio), expected)


@RATIOS
def test_memory_reshape_keeps_row_major_order(ratio):
    (r1, r2), n = ratio, 5
    f = normal(2, 3, 4, n * r1 * r2)
    result = np.asarray(ops.memory_reshape(jnp.asarray(f), ratio))
    assert result.shape == (2, 3 * r1, 4 * r2, n)
    for image, source in zip(result, f, strict=True):
        assert list(image.ravel()) == list(source.ravel())


def test_upsample_x2_repeats_pixels():
    x = normal(2, 3, 5, 2)
    expected = np.empty((2, 6, 10, 2), np.float32)
    for b, i, j, k in np.ndindex(expected.shape):
        expected[b, i, j, k] = x[b, i // 2, j // 2, k]
    np.testing.assert_array_equal(ops.upsample_x2(jnp.asarray(x)), expected)


@pytest.mark.parametrize(
    ("inputs", "outputs", "expected"),
    [
        (2, 5, [0, 0, 0, 1, 1]),
        (5, 2, [0, 2]),
        (7, 3, [0, 2, 4]),
        (3, 6, [0, 0, 1, 1, 2, 2]),
    ],
)
def test_resize_nearest_floors(inputs, outputs, expected):
    x = normal(2, inputs, 4, 3)
    result = jax.jit(ops.resize_nearest, static_argnums=1)(x, (outputs, 6))
    np.testing.assert_array_equal(result, x[:, expected][:, :, [0, 0, 1, 2, 2, 3]])


@pytest.mark.parametrize(
    ("inputs", "outputs", "expected"),
    [
        (2, 3, [0, 1, 1]),  # 0, 0.5, 1: ties go up
        (3, 5, [0, 1, 1, 2, 2]),  # 0, 0.5, 1, 1.5, 2
        (4, 3, [0, 2, 3]),  # 0, 1.5, 3
        (3, 8, [0, 0, 1, 1, 1, 1, 2, 2]),  # steps of 2 / 7
        (4, 1, [0]),
        (1, 3, [0, 0, 0]),
    ],
)
def test_resize_nearest_aligned_rounds_half_up(inputs, outputs, expected):
    x = normal(2, inputs, 4, 3)
    result = jax.jit(ops.resize_nearest_aligned, static_argnums=1)(x, (outputs, 6))
    np.testing.assert_array_equal(result, x[:, expected][:, :, [0, 1, 1, 2, 2, 3]])


@pytest.mark.parametrize("size", [(6, 12), (9, 4), (3, 8)])
def test_resize_bilinear_aligned_interpolates_between_corners(size):
    x = normal(2, 3, 4, 2)
    expected = np.empty((2, *size, 2))
    for i, j in np.ndindex(size):
        row, column = i * (3 - 1) / (size[0] - 1), j * (4 - 1) / (size[1] - 1)
        top, left = min(int(row), 1), min(int(column), 2)
        down, right = row - top, column - left
        above = (1 - right) * x[:, top, left] + right * x[:, top, left + 1]
        below = (1 - right) * x[:, top + 1, left] + right * x[:, top + 1, left + 1]
        expected[:, i, j] = (1 - down) * above + down * below
    result = jax.jit(ops.resize_bilinear_aligned, static_argnums=1)(x, size)
    np.testing.assert_allclose(result, expected, atol=1e-5)


def mirrored(index: int, length: int) -> int:
    while not 0 <= index < length:
        index = -1 - index if index < 0 else 2 * length - 1 - index
    return index


@pytest.mark.parametrize("offsets", [[[2, 1]], [[2, 1], [0, 3]], [[5, 0], [1, 6]]])
def test_mirror_to_canvas_goes_on_mirroring(offsets):
    x, size = normal(2, 3, 2, 2), (9, 8)
    result = jax.jit(ops.mirror_to_canvas, static_argnums=2)(x, np.array(offsets), size)
    for b in range(2):
        top, left = offsets[b % len(offsets)]
        for i, j in np.ndindex(size):
            source = x[b, mirrored(i - top, 3), mirrored(j - left, 2)]
            np.testing.assert_array_equal(result[b, i, j], source)


def test_mirror_to_canvas_equals_symmetric_padding():
    x = normal(2, 4, 5, 3)
    expected = np.pad(x, ((0, 0), (3, 1), (2, 4), (0, 0)), mode="symmetric")
    result = jax.jit(ops.mirror_to_canvas, static_argnums=2)(x, np.array([[3, 2]]), (8, 11))
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("size", [(16, 24), (17, 29), (9, 7), (1, 33)])
def test_max_pool_x8_is_the_maximum_of_blocks(size):
    mask = (np.random.default_rng(3).random((2, *size, 1)) < 0.02).astype(np.float32)
    mask[0, -1, -1] = 1  # alone in the last, cut block
    mask[1, -1, -1] = 0
    height, width = -(-size[0] // 8), -(-size[1] // 8)
    expected = np.zeros((2, height, width, 1))
    for b, i, j in np.ndindex(2, height, width):
        expected[b, i, j, 0] = mask[b, 8 * i : 8 * i + 8, 8 * j : 8 * j + 8].max()
    np.testing.assert_array_equal(ops.max_pool_x8(jnp.asarray(mask)), expected)


@pytest.mark.parametrize(("taps", "before", "after"), [(64, 31, 32), (5, 2, 2), (4, 1, 2), (1, 0, 0)])
def test_separable_blur_equals_direct_correlation(taps, before, after):
    x = normal(2, 39, 36, 2)
    kernel = np.random.default_rng(1).random(taps).astype(np.float32)
    padded = np.pad(x.astype(np.float64), ((0, 0), (before, after), (before, after), (0, 0)))
    weights = np.outer(kernel, kernel)[:, :, None]
    expected = np.empty(x.shape)
    for b, i, j in np.ndindex(x.shape[:3]):
        expected[b, i, j] = (padded[b, i : i + taps, j : j + taps] * weights).sum((0, 1))
    np.testing.assert_allclose(ops.separable_blur(jnp.asarray(x), kernel), expected, rtol=1e-4, atol=1e-3)


# tanh's last digits are the processor's: some units of them in float32, while rounding to bfloat16 is all of its error.
@pytest.mark.parametrize(("dtype", "error"), [(jnp.float32, 8 * 2.0**-23), (jnp.bfloat16, 4e-3)])
def test_elu_and_its_gradient_are_as_accurate_as_their_type(dtype, error):
    sizes = np.logspace(-7, 2, 1001)
    x = jnp.asarray(np.concatenate([-sizes, [0.0], sizes]), dtype)
    exact = np.asarray(x, np.float64)
    y, pull = jax.vjp(ops.elu, x)
    assert y.dtype == dtype
    np.testing.assert_allclose(np.asarray(y, np.float64), np.where(exact > 0, exact, np.expm1(exact)), rtol=error)
    slope = np.where(exact > 0, 1.0, np.exp(exact))
    np.testing.assert_allclose(np.asarray(pull(jnp.ones_like(x))[0], np.float64), slope, rtol=error, atol=error)
    ends = ops.elu(jnp.array([-jnp.inf, jnp.inf, jnp.nan]))
    np.testing.assert_array_equal(ends, [-1.0, jnp.inf, jnp.nan])


def test_safe_sqrt_has_no_infinite_gradient():
    values = jnp.array([0.0, 4.0, 1e-12])
    np.testing.assert_allclose(ops.safe_sqrt(values), [0, 2, 1e-6], rtol=1e-6)
    np.testing.assert_allclose(jax.vmap(jax.grad(ops.safe_sqrt))(values), [0, 0.25, 5e5], rtol=1e-6)


def paper_statistics(values: np.ndarray, region: np.ndarray) -> tuple[float, float]:
    own = values[region == 1]
    return own.mean(), own.var()


def release_statistics(values: np.ndarray, region: np.ndarray) -> tuple[float, float]:
    mean = values[region == 1].mean()
    return mean, ((values * region - mean) ** 2).sum() / region.sum()


STATISTICS = {"paper": paper_statistics, "release": release_statistics}
BLEND = 0.3


@functools.cache
def normalization(form: str):
    return jax.jit(ops.NORMALIZATIONS[form], static_argnums=2)


@pytest.mark.parametrize("masks", [1, 2])
@pytest.mark.parametrize("form", STATISTICS)
def test_context_normalization_equals_equations_2_and_3(form, masks):
    mask = window_masks(6, 9)[:masks]
    f = normal(2, 6, 9, 3) * np.array([1, 2, 5], np.float32) + np.array([0, 3, -4], np.float32)
    f += 2 * window_masks(6, 9)  # the regions differ in mean
    expected = f.astype(np.float64)
    for b, k in np.ndindex(2, 3):
        unknown = mask[b % masks, :, :, 0]
        mean1, variance1 = STATISTICS[form](expected[b, :, :, k], unknown)
        mean2, variance2 = STATISTICS[form](expected[b, :, :, k], 1 - unknown)
        for i, j in zip(*np.nonzero(unknown), strict=True):
            matched = (f[b, i, j, k] - mean1) / variance1**0.5 * variance2**0.5 + mean2
            expected[b, i, j, k] = BLEND * matched + (1 - BLEND) * f[b, i, j, k]
    result = normalization(form)(f, mask, BLEND)
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("form", ops.NORMALIZATIONS)
def test_blend_0_and_known_positions_are_the_identity(form):
    f, mask = normal(2, 6, 9, 3), window_masks(6, 9)
    known = np.broadcast_to(mask == 0, f.shape)
    np.testing.assert_array_equal(normalization(form)(f, mask, 0.0), f)
    result = np.asarray(normalization(form)(f, mask, BLEND))
    np.testing.assert_array_equal(result[known], f[known])
    assert (form == "none") == np.array_equal(result, f)


@functools.cache
def result_and_gradient(form: str):
    def total(f, mask):
        result = ops.NORMALIZATIONS[form](f, mask, 0.5)
        return (result * normal(*f.shape, seed=1)).sum(), result

    return jax.jit(jax.grad(total, has_aux=True))


REGIONS = {"window": window_masks(6, 9), "empty": np.zeros((2, 6, 9, 1)), "full": np.ones((2, 6, 9, 1))}
FEATURES = {"flat": np.full((2, 6, 9, 3), 7.0), "zero": np.zeros((2, 6, 9, 3)), "any": normal(2, 6, 9, 3)}


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("values", FEATURES)
@pytest.mark.parametrize("form", ops.NORMALIZATIONS)
def test_normalizations_stay_finite(form, values, region):
    f, mask = (array.astype(np.float32) for array in (FEATURES[values], REGIONS[region]))
    gradient, result = result_and_gradient(form)(f, mask)
    assert np.isfinite(result).all()
    assert np.isfinite(gradient).all()
    if region == "empty":
        np.testing.assert_array_equal(result, f)


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
@pytest.mark.parametrize("form", STATISTICS)
def test_normalizations_take_statistics_in_float32(form, dtype):
    f, mask = (100 * normal(2, 6, 9, 3) + 900).astype(dtype), window_masks(6, 9)  # the squares overflow float16
    result, exact = (normalization(form)(f.astype(kind), mask, BLEND) for kind in (dtype, np.float32))
    assert result.dtype == dtype
    np.testing.assert_allclose(result.astype(np.float32), exact, rtol=float(jnp.finfo(dtype).eps), atol=0.01)


def test_elus_of_the_same_shape_are_traced_once(monkeypatch):
    traced, tanh = [], jnp.tanh
    monkeypatch.setattr(jnp, "tanh", lambda x: traced.append(x) or tanh(x))
    jax.jit(lambda x: ops.elu(ops.elu(x))).lower(jnp.zeros((1, 7, 13)))
    assert len(traced) == 1


def test_elus_gradient_in_bfloat16_is_rounded_once():
    x = jnp.linspace(-20.0, -1e-3, 2000).astype(jnp.bfloat16)
    _, pull = jax.vjp(ops.elu, x)
    exact = np.exp(np.asarray(x, np.float64))
    np.testing.assert_allclose(np.asarray(pull(jnp.ones_like(x))[0], np.float64), exact, rtol=2.0**-8)
