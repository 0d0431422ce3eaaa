"""`extrapolate`: every form of picture and mask, every variant, and the line that each mistake gets."""

import functools
import re
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from srn_jax import CA, ED, SRN, SRNHR, Generator, InputError, extrapolate
from srn_jax.infer.checks import check_canvas
from srn_jax.infer.extrapolation import _compiled_paint
from srn_jax.models.expansion import EXPANSIONS
from tests.golden_cases import rounding, sums
from tests.test_generator import tiny_generator

unchecked: Any = extrapolate.__wrapped__  # pyright: ignore[reportFunctionMemberAccess]  # users run without the tests' types

KNOWN, CANVAS = (8, 12), (16, 24)
PICTURE = np.random.default_rng(1).integers(0, 256, (*KNOWN, 3), dtype=np.uint8)
CORNERS = [(0, 0), (8, 12), (3, 7)]  # all margins on one side, or odd ones on each
DTYPES = [np.uint8, np.float16, np.float32, np.float64, jnp.bfloat16]
VARIANTS: dict[str, nn.Module] = {
    "subpixel": SRN((2, 2), width=4),
    "4x1": SRN((4, 1), width=4),
    "1x2": SRN((1, 2), width=4, expansion="subpixel_reshape", normalization="release"),
    "deconv": SRN((2, 1), width=4, expansion="deconv", normalization="none"),
    "bilinear": SRN((1, 3), width=4, expansion="bilinear"),
    "unfold": SRN((2, 2), width=4, expansion="unfold"),
    "hr": SRNHR(width=4),
    "ed": ED(width=4),
    "ca": CA(width=4),
}


@functools.cache
def generator_of(variant: str) -> Generator:
    model = VARIANTS[variant]
    r1, r2 = getattr(model, "ratio", (2, 2))
    return tiny_generator(model, KNOWN, (KNOWN[0] * r1, KNOWN[1] * r2))


@pytest.fixture(scope="module")
def generator() -> Generator:
    return generator_of("subpixel")


def mask_at(corner: tuple[int, int], canvas: tuple[int, int] = CANVAS, known: tuple[int, int] = KNOWN) -> np.ndarray:
    mask = np.ones(canvas, bool)
    mask[corner[0] : corner[0] + known[0], corner[1] : corner[1] + known[1]] = False
    return mask


MASK = mask_at((3, 7))
MASKS = np.stack([mask_at(corner) for corner in CORNERS])


def on_canvas(picture: np.ndarray, mask: np.ndarray, under: object = 0) -> np.ndarray:
    """Returns the picture on its canvas, with `under` under the mask."""
    canvas = np.full((*mask.shape, 3), under, picture.dtype)
    canvas[~mask] = picture.reshape(-1, 3)
    return canvas


def pictures(count: int, dtype: Any = np.float32) -> np.ndarray:
    values = np.random.default_rng(2).uniform(size=(count, *KNOWN, 3))
    return np.round(255 * values).astype(np.uint8) if dtype == np.uint8 else values.astype(jnp.dtype(dtype))


def test_every_expansion_is_covered():
    assert {getattr(model, "expansion", None) for model in VARIANTS.values()} == {*EXPANSIONS, None}


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_fills_the_canvas(variant):
    trained = generator_of(variant)
    slack = trained.canvas[0] - KNOWN[0], trained.canvas[1] - KNOWN[1]
    painted = []
    for corner in ((0, 0), slack):
        mask = mask_at(corner, trained.canvas)
        canvas = extrapolate(trained, PICTURE, mask)
        assert (canvas.shape, canvas.dtype) == ((*trained.canvas, 3), np.uint8)
        np.testing.assert_array_equal(canvas[~mask].reshape(PICTURE.shape), PICTURE)
        assert len(np.unique(canvas[mask])) > 30
        other = extrapolate(trained, 255 - PICTURE, mask)
        assert (other[mask] != canvas[mask]).mean() > 0.5
        painted.append(canvas[mask])
    assert (painted[0] != painted[1]).mean() > 0.5


def test_what_is_painted_is_the_networks_prediction(generator):
    image = on_canvas(PICTURE, MASK).astype(np.float32) / 255 * 2 - 1
    variables, mask = {"params": generator.params}, MASK.astype(np.float32)
    prediction, _ = jax.jit(generator.model.apply)(variables, image[None], mask[None, ..., None])
    expected = (np.asarray(prediction)[0] + 1) / 2
    tolerance = rounding(sums(generator.params))
    np.testing.assert_allclose(extrapolate(generator, PICTURE / 255, MASK)[MASK], expected[MASK], atol=tolerance)
    levels = extrapolate(generator, PICTURE, MASK)[MASK]
    np.testing.assert_allclose(levels, 255 * expected[MASK], atol=0.5 + 255 * tolerance)


@pytest.mark.parametrize(
    "to_mask",
    [
        lambda mask: mask,
        lambda mask: mask[..., None],
        lambda mask: mask[None],
        lambda mask: mask[None, ..., None],
        lambda mask: mask.astype(np.uint8),
        lambda mask: mask.astype(np.int64)[..., None],
        lambda mask: mask.astype(np.float16),
        lambda mask: mask.tolist(),
        lambda mask: jnp.asarray(mask, jnp.float32)[None],
    ],
    ids=["HW", "HW1", "NHW", "NHW1", "uint8", "int64", "float16", "list", "jax"],
)
@pytest.mark.parametrize(
    "to_image",
    [
        lambda picture: picture,
        lambda picture: on_canvas(picture, MASK),
        lambda picture: on_canvas(picture, MASK, 77),
        lambda picture: picture[None],
        lambda picture: on_canvas(picture, MASK)[None],
        lambda picture: jnp.asarray(picture),
        lambda picture: picture[::-1].copy()[::-1],
    ],
    ids=["known", "canvas", "garbage", "known-batch", "canvas-batch", "jax", "strided"],
)
def test_every_form_gives_the_same_canvas(generator, to_image, to_mask):
    image, mask = to_image(PICTURE), to_mask(MASK)
    result = extrapolate(generator, image, mask)
    expected = extrapolate(generator, on_canvas(PICTURE, MASK), MASK)
    batched = image.ndim == 4 or np.ndim(mask) - (np.shape(mask)[-1] == 1) == 3
    assert type(result) is np.ndarray
    np.testing.assert_array_equal(result, expected[None] if batched else expected, strict=True)


@pytest.mark.parametrize("whole", [False, True], ids=["known", "canvas"])
@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: jnp.dtype(dtype).name)
def test_dtype_is_kept_and_known_pixels_bit_for_bit(generator, dtype, whole):
    picture = pictures(1, dtype)[0]
    picture[0, :2] = [[0], [1]]
    result = extrapolate(generator, on_canvas(picture, MASK, 1) if whole else picture, MASK)
    assert result.dtype == jnp.dtype(dtype)
    assert result[~MASK].tobytes() == picture.tobytes()
    assert result[MASK].min() >= 0
    assert result[MASK].max() <= (255 if dtype == np.uint8 else 1)
    unit = picture.astype(np.float64) / (255 if dtype == np.uint8 else 1)
    painted = result[MASK].astype(np.float64) / (255 if dtype == np.uint8 else 1)
    np.testing.assert_allclose(painted, extrapolate(generator, unit, MASK)[MASK], atol=0.003)


@pytest.mark.parametrize("variant", ["unfold", "hr"])
@pytest.mark.parametrize(("images", "masks"), [(3, 3), (1, 3), (3, 1)], ids=str)
def test_batch_equals_its_members(variant, images, masks):
    trained, batch, chosen = generator_of(variant), pictures(images), MASKS[:masks]
    tolerance = rounding(sums(trained.params))
    expected = [
        extrapolate(trained, batch[n % images], chosen[n % masks]) for n in range(3)
    ]  # the forms of one: with or without its leading axis
    for image in (batch, batch[0]) if images == 1 else (batch,):
        for mask in (chosen, chosen[0]) if masks == 1 else (chosen, chosen[..., None]):
            np.testing.assert_allclose(extrapolate(trained, image, mask), expected, atol=tolerance)


def test_batch_of_canvases_keeps_each_ones_known_pixels():
    generator = generator_of("unfold")
    batch = pictures(3, np.uint8)
    canvases = np.stack([on_canvas(picture, mask, 9) for picture, mask in zip(batch, MASKS, strict=True)])
    result = extrapolate(generator, canvases, MASKS)
    np.testing.assert_array_equal(result, extrapolate(generator, batch, MASKS))
    np.testing.assert_array_equal(result[~MASKS], batch.reshape(-1, 3))


@pytest.mark.parametrize("variant", ["subpixel", "hr"])
@pytest.mark.parametrize("dtype", DTYPES[1:], ids=lambda dtype: jnp.dtype(dtype).name)
@pytest.mark.parametrize("under", [np.nan, np.inf, -3.0, 6e4])
def test_whatever_lies_under_the_mask_is_ignored(variant, dtype, under):
    picture = pictures(1, dtype)[0]
    result = extrapolate(generator_of(variant), on_canvas(picture, MASK, under), MASK)
    np.testing.assert_array_equal(result, extrapolate(generator_of(variant), picture, MASK))


def test_huge_numbers_under_the_mask_are_ignored(generator):
    picture = pictures(1, np.float64)[0]  # what numpy.empty leaves may be as large
    result = extrapolate(generator, on_canvas(picture, MASK, 1e300), MASK)
    np.testing.assert_array_equal(result, extrapolate(generator, picture, MASK))


@pytest.mark.parametrize("whole", [False, True], ids=["known", "canvas"])
@pytest.mark.parametrize("dtype", DTYPES[1:], ids=lambda dtype: jnp.dtype(dtype).name)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_known_values_that_are_not_finite_are_refused(generator, dtype, value, whole):
    picture = pictures(1, dtype)[0]
    picture[2, 3, :2] = value
    with pytest.raises(InputError, match="img holds 2 known values that are NaN or infinite"):
        extrapolate(generator, on_canvas(picture, MASK, np.nan) if whole else picture, MASK)


@pytest.mark.parametrize(
    ("level", "expected"),
    [(100.4, 100), (100.6, 101), (0.4, 0), (0.6, 1), (254.4, 254), (254.6, 255), (300.0, 255), (-9.0, 0)],
)
def test_levels_are_rounded_and_clipped(generator, level, expected):
    params = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), generator.params)
    params["cpn"]["allconv17"]["bias"] += np.float32(level / 127.5 - 1.0)  # all that the network then predicts
    assert np.unique(extrapolate(generator.replace(params=params), PICTURE, MASK)[MASK]) == [expected]
    unit = extrapolate(generator.replace(params=params), np.float32(PICTURE) / 255, MASK)[MASK]
    np.testing.assert_allclose(unit, np.clip(level / 255, 0, 1), atol=1e-6)


def test_truncation_is_the_release_s(generator):
    levels = np.arange(288, dtype=np.int64).clip(max=255).astype(np.uint8).reshape(*KNOWN, 3)
    nearest = extrapolate(generator, levels, MASK)
    truncated = extrapolate(generator, levels, MASK, rounding="truncate")
    np.testing.assert_array_equal(nearest[~MASK], levels.reshape(-1, 3))
    lower = nearest.astype(int) - truncated
    assert set(np.unique(lower)) == {0, 1}
    # What test.py's arithmetic does to known levels: 47 of the 256 come out one lower.
    assert len(np.unique(levels.reshape(-1, 3)[lower[~MASK] == 1])) == 47


@pytest.mark.parametrize(
    ("picture", "rounding", "message"),
    [
        (PICTURE, "floor", "rounding is 'floor'; it takes one of 'nearest', 'truncate'"),
        (np.zeros((*KNOWN, 3), np.float32), "truncate", "img has dtype float32; only uint8 is rounded"),
    ],
)
def test_a_rounding_that_is_none_is_refused(generator, picture, rounding, message):
    with pytest.raises(InputError, match=message):
        extrapolate(generator, picture, MASK, rounding=rounding)


def test_inputs_stay_and_result_is_writable(generator):
    canvas, mask = on_canvas(PICTURE, MASK), MASK.copy()
    result = extrapolate(generator, canvas, mask)
    result[...] = 200
    np.testing.assert_array_equal(canvas, on_canvas(PICTURE, MASK))
    np.testing.assert_array_equal(mask, MASK)


def compilations() -> int:
    return _compiled_paint()._cache_size()  # pyright: ignore[reportFunctionMemberAccess]


def test_one_compilation_for_a_shape():
    model = SRN((2, 2), width=3)
    trained = tiny_generator(model, KNOWN, CANVAS)
    before = compilations()
    for top in (0, 3, 8):
        for left in (0, 5, 12):
            extrapolate(trained, PICTURE, mask_at((top, left)))
    for dtype in DTYPES:
        extrapolate(trained, pictures(1, dtype), MASK[..., None])
    extrapolate(trained.replace(model=SRN((2, 2), width=3), placement="top"), on_canvas(PICTURE, MASK), MASK)
    extrapolate({"params": trained.params}, PICTURE, MASK, model=model)
    assert compilations() == before + 1


def test_one_compilation_for_a_batch():
    trained = generator_of("unfold")
    extrapolate(trained, pictures(3), MASKS)
    before = compilations()
    for image in (PICTURE, *(pictures(3, dtype) for dtype in DTYPES)):
        extrapolate(trained, image, MASKS[::-1])
    extrapolate(trained, pictures(3), MASK)
    assert compilations() == before


@pytest.mark.parametrize("variant", ["subpixel", "hr"])
def test_raw_tree_works_with_its_model(variant):
    trained = generator_of(variant)
    expected = extrapolate(trained, PICTURE, MASK)
    host = jax.tree.map(np.asarray, trained.params)
    for params in (trained.params, {"params": trained.params}, host):
        np.testing.assert_array_equal(extrapolate(params, PICTURE, MASK, model=trained.model), expected)


def test_mapped_parameters_stay_usable(generator):
    expected = extrapolate(generator, PICTURE, MASK).astype(int)
    half = jax.tree.map(lambda x: np.asarray(x, jnp.bfloat16), generator)
    difference = np.abs(extrapolate(half, PICTURE, MASK) - expected)
    assert 0 < difference.max() <= 16
    mirrored = jax.tree.map(lambda x: np.asarray(x)[..., ::-1], generator)
    assert (extrapolate(mirrored, PICTURE, MASK)[MASK] != expected[MASK]).mean() > 0.5
    leaves, structure = jax.tree.flatten(generator)
    np.testing.assert_array_equal(extrapolate(structure.unflatten(leaves), PICTURE, MASK), expected)


def zeros(*shape: int, dtype: Any = np.uint8) -> np.ndarray:
    return np.zeros(shape, jnp.dtype(dtype))


def with_hole(*places: tuple[int, int], mask: np.ndarray = MASK) -> np.ndarray:
    """Returns the mask with single pixels changed over."""
    changed = mask.copy()
    for place in places:
        changed[place] = not changed[place]
    return changed


@pytest.mark.parametrize(
    ("img", "message"),
    [
        (None, r"img has shape \(\); it takes \[h, w, 3\] or \[N, h, w, 3\], RGB"),
        ("picture.png", r"img has shape \(\)"),
        (zeros(8, 12), r"img has shape \(8, 12\)"),
        (zeros(8, 12, 1), r"img has shape \(8, 12, 1\)"),
        (zeros(8, 12, 4), r"img has shape \(8, 12, 4\)"),
        (zeros(3, 8, 12), r"img has shape \(3, 8, 12\)"),
        (zeros(1, 1, 8, 12, 3), r"img has shape \(1, 1, 8, 12, 3\)"),
        (zeros(0, 8, 12, 3), r"img has shape \(0, 8, 12, 3\)"),
        (zeros(8, 12, 3, dtype=np.int64), r"img has dtype int64; it takes uint8, or float in \[0, 1\]"),
        (zeros(8, 12, 3, dtype=np.uint16), "img has dtype uint16"),
        (zeros(8, 12, 3, dtype=bool), "img has dtype bool"),
        (
            255 * np.eye(8, 36).reshape(8, 12, 3),
            r"img is float in \[0.*, 255.*\]; floats .* \[0, 1\], and 0..255 as uint8",
        ),
        (zeros(8, 12, 3, dtype=np.float32) - 0.5, r"img is float in \[-0.5, -0.5\]"),
        (zeros(8, 12, 3, dtype=np.float32) + np.float32(1.0000001), r"img is float in \[1\.0000001"),
        (zeros(8, 11, 3), "img is 8x11, which is neither the mask's known rectangle, 8x12, nor its canvas, 16x24"),
        (zeros(12, 8, 3), r"img is 12x8, .*\(height x width\)"),
        (zeros(5, 8, 13, 3), "img is 8x13, which is neither"),
    ],
)
def test_wrong_image_is_refused(generator, img, message):
    with pytest.raises(InputError, match=message) as caught:
        unchecked(generator, img, MASK)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (None, r"mask has shape \(\); it takes \[H, W\] or \[N, H, W\], with or without a last axis of 1"),
        (MASK[0], r"mask has shape \(24,\)"),
        (MASK[None, None], r"mask has shape \(1, 1, 16, 24\)"),
        (MASK[None, None, ..., None], r"mask has shape \(1, 1, 16, 24, 1\)"),
        (np.stack([MASK] * 2, -1)[None], r"mask has shape \(1, 16, 24, 2\)"),
        (zeros(0, 16, 24), r"mask has shape \(0, 16, 24\)"),
        (np.stack([MASK] * 3, -1), r"mask has shape \(16, 24, 3\)"),
        (MASK.astype(np.uint8) * 255, r"mask holds 255; it takes bool, or 0 \(known\) and 1 \(to be synthesized\)"),
        (MASK * 0.5, "mask holds 0.5"),
        (np.where(MASK, 1, np.nan), "mask holds nan"),
        (MASK.astype(int) - 1, "mask holds -1"),
        ([["a"]], "mask has dtype"),
        (np.ones(CANVAS), "mask is 1 everywhere: it leaves no known picture to extrapolate from"),
        (np.zeros(CANVAS), "mask is 0 everywhere: it leaves nothing to synthesize"),
        (with_hole((0, 0)), "mask is 0 on several regions, or on one that is no rectangle; it takes one rectangle"),
        (with_hole((15, 8)), "mask is 0 on several regions"),
        (with_hole((4, 9)), "mask is 0 on several regions, or on one that is no rectangle"),
        (with_hole((3, 7)), "mask is 0 on several regions, or on one that is no rectangle"),
        (~MASK, "mask is 0 on several regions, or on one that is no rectangle"),
        (np.stack([MASK, np.ones(CANVAS, bool)]), "mask 1 is 1 everywhere"),
        (np.stack([MASK, MASK, with_hole((0, 0))]), "mask 2 is 0 on several regions"),
        (np.stack([MASK, mask_at((0, 0), known=(4, 12))]), r"known rectangles differ in size \(4x12, 8x12\); one call"),
    ],
)
def test_wrong_mask_is_refused(generator, mask, message):
    with pytest.raises(InputError, match=message) as caught:
        unchecked(generator, PICTURE, mask)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("images", "masks"), [(2, 3), (3, 2)])
def test_counts_that_do_not_go_together_are_refused(generator, images, masks):
    message = f"{images} pictures do not go with {masks} masks; give as many, or one for all"
    for batch in (pictures(images), np.zeros((images, *CANVAS, 3))):
        with pytest.raises(InputError, match=message):
            extrapolate(generator, batch, MASKS[:masks])


@pytest.mark.parametrize(
    ("variant", "known", "canvas", "able"),
    [
        ("subpixel", (7, 12), (14, 24), ["8x12 on 16x24"]),
        ("subpixel", (8, 12), (16, 20), ["8x12 on 16x24", "8x8 on 16x16"]),
        ("subpixel", (4, 12), (16, 24), ["4x12 on 8x24", "8x12 on 16x24"]),
        ("subpixel", (1, 1), (2, 2), ["4x4 on 8x8"]),
        ("1x2", (8, 12), (16, 24), ["8x12 on 8x24", "16x12 on 16x24"]),
        ("4x1", (8, 12), (8, 48), ["8x12 on 32x12", "4x48 on 16x48"]),
        ("hr", (5, 7), (19, 24), ["20x24"]),
        ("hr", (5, 7), (16, 23), ["16x24"]),
        ("hr", (17, 8), (17, 16), ["20x16"]),
    ],
)
def test_sizes_that_the_network_cannot_make_are_refused_and_others_named(variant, known, canvas, able):
    trained = generator_of(variant)
    with pytest.raises(InputError, match=f"{known[0]}x{known[1]} on a canvas of {canvas[0]}x{canvas[1]}: ") as caught:
        extrapolate(trained, zeros(*known, 3), mask_at((0, 0), canvas, known))
    message = str(caught.value)
    assert "multiples of 4" in message
    named = re.findall(r"\d+x\d+(?: on \d+x\d+)?", message.split("multiples of 4")[1])
    assert named == able
    for sizes in named:
        sides = [int(side) for side in re.findall(r"\d+", sizes)]
        check_canvas(trained.model, (sides[0], sides[1]), (sides[-2], sides[-1]))


def test_ratio_is_named():
    with pytest.raises(InputError, match="canvases of 4x the height and 1x the width of pictures"):
        extrapolate(generator_of("4x1"), PICTURE, MASK)


@pytest.mark.parametrize("known", [(5, 7), (16, 3), (1, 24), (15, 24)])
def test_hr_takes_any_rectangle(known):
    picture = np.random.default_rng(3).uniform(size=(*known, 3))
    mask = mask_at((16 - known[0], 0), known=known)
    result = extrapolate(generator_of("hr"), picture, mask)
    np.testing.assert_array_equal(result[~mask], picture.reshape(-1, 3))


def test_raw_tree_without_model_is_refused(generator):
    for params in (generator.params, {"params": generator.params}, {}, None, "runs/srn"):
        with pytest.raises(InputError, match=r"params is a raw parameter tree.*pass model=SRN.*or what load_generator"):
            unchecked(params, PICTURE, MASK)


@pytest.mark.parametrize("params", [None, {}, "runs/srn", SRN((2, 2), width=2), SRNHR(width=4)], ids=type)
def test_raw_tree_of_another_model_is_refused(generator, params):
    if isinstance(params, nn.Module):
        params = tiny_generator(params, KNOWN, CANVAS).params
    with pytest.raises(InputError, match="model"):
        unchecked(params, PICTURE, MASK, model=generator.model)


def test_input_error_is_a_value_error(generator):
    with pytest.raises(ValueError, match="mask is 1 everywhere"):
        extrapolate(generator, PICTURE, np.ones(CANVAS))


def test_parameters_that_paint_nan_are_refused(generator):
    broken = jax.tree.map(lambda x: x * np.float32("nan"), generator)
    with pytest.raises(InputError, match="params paint values that are NaN or infinite"):
        extrapolate(broken, PICTURE, MASK)
