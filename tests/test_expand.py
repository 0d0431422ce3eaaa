"""`expand`: any margins around any picture."""

import sys
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import srn_jax
from srn_jax import SRN, Generator, InputError, extrapolate
from srn_jax.config import numbers
from srn_jax.infer import plan_expansion
from srn_jax.infer.feather import match_tones
from srn_jax.infer.windows import Box
from tests.test_generator import tiny_generator

KNOWN, CANVAS = (8, 12), (16, 24)
SIDES = ("top", "bottom", "left", "right")
expand = partial(srn_jax.expand, detail=False)  # what the generator paints; tests/test_detail.py has the rest


@pytest.fixture(scope="module")
def generator() -> Generator:
    return tiny_generator(SRN((2, 2), width=4), KNOWN, CANVAS)


def noise(size: tuple[int, int] = KNOWN, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def slope(size: tuple[int, int], corner: tuple[int, int] = (0, 0)) -> np.ndarray:
    """Returns float32 in [0, 1], another plane in each channel; `corner` is where (0, 0) of the plane lies."""
    rows, columns = np.mgrid[: size[0], : size[1]].astype(np.float32)
    rows, columns = rows - corner[0], columns - corner[1]
    planes = (0.5 + 0.003 * rows, 0.5 - 0.002 * columns, 0.4 + 0.001 * rows + 0.002 * columns)
    return np.stack(planes, axis=-1).astype(np.float32)


@pytest.fixture
def planes(monkeypatch) -> None:
    """Has the painter go on with the plane through the known pixels: what it paints anywhere is known."""

    def paint(generator, pictures, *, expected, batch):
        for picture, mask in pictures:
            known = ~mask
            places = np.argwhere(known)
            left = np.c_[places, np.ones(len(places))]
            fitted = np.linalg.lstsq(left, picture.reshape(-1, 3), rcond=None)[0]
            everywhere = np.c_[np.argwhere(np.ones_like(mask)), np.ones(mask.size)]
            painted = (everywhere @ fitted).reshape(*mask.shape, 3).astype(np.float32)
            painted[known] = picture.reshape(-1, 3)
            yield painted

    monkeypatch.setattr(sys.modules["srn_jax.infer.expansion"], "extrapolate_stream", paint)


def place(canvas: np.ndarray, margins: tuple[int, int, int, int]) -> np.ndarray:
    top, bottom, left, right = margins
    return canvas[top : canvas.shape[0] - bottom, left : canvas.shape[1] - right]


@pytest.mark.parametrize("margins", [(4, 4, 6, 6), (8, 0, 0, 12), (3, 5, 7, 5)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_where_one_pass_makes_the_canvas_it_is_extrapolate(generator, margins, dtype):
    picture = noise() if dtype == np.uint8 else np.float32(noise() / 255)
    mask = np.ones(CANVAS, bool)
    place(mask, margins)[:] = False
    found = expand(generator, picture, **dict(zip(SIDES, margins, strict=True)))
    np.testing.assert_allclose(
        found.astype(float), extrapolate(generator, picture, mask).astype(float), atol=1 if dtype == np.uint8 else 1e-6
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32, np.float64])
@pytest.mark.parametrize("feather", [0, 5])
@pytest.mark.parametrize(
    ("size", "margins"),
    [((8, 12), (1, 2, 3, 4)), ((20, 30), (0, 9, 0, 31)), ((5, 3), (2, 0, 7, 1)), ((1, 1), (1, 1, 1, 1))],
)
def test_own_pixels_come_back_bit_for_bit(generator, size, margins, dtype, feather):
    picture = noise(size) if dtype == np.uint8 else (noise(size) / 255).astype(dtype)
    before = picture.copy()
    canvas = expand(generator, picture, **dict(zip(SIDES, margins, strict=True)), feather=feather)
    assert canvas.dtype == dtype
    assert canvas.shape == (margins[0] + size[0] + margins[1], margins[2] + size[1] + margins[3], 3)
    np.testing.assert_array_equal(place(canvas, margins), picture)
    np.testing.assert_array_equal(picture, before)


@pytest.mark.parametrize("placement", ["random", "center", "top"])
@pytest.mark.parametrize(
    ("size", "margins"), [((8, 12), (30, 20, 9, 50)), ((8, 40), (3, 0, 0, 17)), ((19, 12), (0, 0, 40, 41))]
)
def test_windows_join_without_a_seam_in_any_direction(generator, planes, placement, size, margins):
    """A plane goes on as itself whichever windows, turned or not, it is made of."""
    whole = slope((margins[0] + size[0] + margins[1], margins[2] + size[1] + margins[3]), (margins[0], margins[2]))
    found = expand(
        generator.replace(placement=placement), place(whole, margins).copy(), **dict(zip(SIDES, margins, strict=True))
    )
    np.testing.assert_allclose(found, whole, atol=2e-5)


@pytest.mark.parametrize("margins", [(128, 0, 0, 128), (64, 64, 64, 64), (0, 128, 128, 0)])
def test_corners_of_large_windows_are_whole(generator, planes, margins):
    """There a window counts least: by its cubes of both axes, 1e-14 at the corner of the paper's canvas."""
    large = generator.replace(known=(128, 128), canvas=(256, 256))
    whole = 0.25 + slope((256, 256), (margins[0], margins[2])) / 2
    found = expand(large, place(whole, margins).copy(), **dict(zip(SIDES, margins, strict=True)))
    np.testing.assert_allclose(found, whole, atol=2e-5)


@pytest.mark.parametrize("side", SIDES)
def test_rounds_fade_into_each_other(generator, monkeypatch, side):
    """A painter whose every window is brighter than what it sees: no step is as large as that, but at the picture."""

    def paint(generator, pictures, *, expected, batch):
        for picture, mask in pictures:
            yield np.where(mask[..., None], picture.max() + 0.06, picture.max()).astype(np.float32).repeat(3, axis=-1)

    monkeypatch.setattr(sys.modules["srn_jax.infer.expansion"], "extrapolate_stream", paint)
    square = generator.replace(known=(12, 12), canvas=(24, 24))
    picture = np.full((12, 12, 3), 0.1, np.float32)
    sides = {name: 60 if name == side else 0 for name in SIDES}
    found = expand(square, picture, top=sides["top"], bottom=sides["bottom"], left=sides["left"], right=sides["right"])
    found = found[..., 0]
    line = found[:, 6] if side in ("top", "bottom") else found[6]
    steps = np.abs(np.diff(line if side in ("bottom", "right") else line[::-1]))
    assert steps[11] == pytest.approx(0.06, abs=1e-6)
    assert line.max() > 0.3
    assert np.delete(steps, 11).max() < 0.031


def test_a_large_picture_keeps_its_place_at_the_models_scale(generator, planes):
    margins, size = (37, 10, 55, 80), (101, 147)
    whole = slope((margins[0] + size[0] + margins[1], margins[2] + size[1] + margins[3]), (margins[0], margins[2]))
    found = expand(generator, place(whole, margins).copy(), **dict(zip(SIDES, margins, strict=True)))
    # Resizing is not linear in the last pixels of a border; half a pixel of the model's scale is 6 of the picture's.
    np.testing.assert_allclose(found, whole, atol=0.025)
    assert np.abs(found - whole).mean() < 0.004


def test_progress_tells_each_pass(generator):
    told = []
    expand(generator, noise(), right=36, progress=lambda *numbers: told.append(numbers))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert plan_expansion(generator, KNOWN, right=36).passes == 4


def test_the_picture_that_is_seen_decides(generator):
    """What is painted follows from the picture, not from what else the canvas holds."""
    one, other = expand(generator, noise(), bottom=8), expand(generator, noise(seed=1), bottom=8)
    assert (one[8:] != other[8:]).any()


@pytest.mark.parametrize(
    ("picture", "options", "message"),
    [
        (noise()[None], {"top": 1}, r"image has shape \(1, 8, 12, 3\); expand takes one picture"),
        (noise()[..., 0], {"top": 1}, r"image has shape \(8, 12\)"),
        (noise() / 2.0, {"top": 1}, r"floats are taken in \[0, 1\]"),
        (noise(), {}, "top, bottom, left and right are all 0"),
        (noise(), {"left": -3}, "left is -3; it takes a whole number of pixels, 0 or more"),
        (noise(), {"bottom": 2, "feather": -1}, "feather is -1; it takes a whole number"),
    ],
)
def test_what_does_not_fit_is_refused(generator, picture, options, message):
    with pytest.raises(InputError, match=message):
        expand(generator, picture, **options)


@pytest.mark.parametrize("name", ["bottom", "feather"])
def test_fractions_of_pixels_are_refused(generator, name):
    unchecked = srn_jax.expand.__wrapped__  # pyright: ignore[reportFunctionMemberAccess]  # users run without the tests' types
    with pytest.raises(InputError, match=f"{name} is 2.5; it takes a whole number"):
        unchecked(generator, noise(), **({"bottom": 2} | {name: 2.5}))


LARGE = noise((40, 48))  # for the tests' generator, which paints it in few windows
WIDER: dict[str, Any] = {"top": 3, "left": 100, "feather": 5, "seed": 7}  # with the picture's width too much for 8 bits


@pytest.fixture(scope="module")
def widened(generator) -> np.ndarray:
    return expand(generator, LARGE, **WIDER)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16, np.uint16, np.int64, np.uint64, np.array, jnp.int32])
def test_integers_of_any_type_are_as_good_as_pythons(generator, widened, kind):
    unchecked = srn_jax.expand.__wrapped__  # pyright: ignore[reportFunctionMemberAccess]
    found = unchecked(generator, LARGE, **{name: kind(value) for name, value in WIDER.items()}, detail=False)
    np.testing.assert_array_equal(found, widened)
    assert numbers.seed("seed", kind(7)) == 7  # which tells in larger pictures alone: they have detail
    unchecked = plan_expansion.__wrapped__  # pyright: ignore[reportFunctionMemberAccess]
    expected = plan_expansion(generator, (30, 40), top=3, left=100)
    assert unchecked(generator, (kind(30), kind(40)), top=kind(3), left=kind(100)) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"left": True}, "left is True; it takes a whole number of pixels"),
        ({"left": np.bool_(1)}, r"left is np.True_; it takes a whole number of pixels"),
        ({"top": float("inf")}, "top is inf; it takes a whole number of pixels"),
        ({"top": "3"}, "top is '3'; it takes a whole number of pixels"),
        ({"top": None}, "top is None; it takes a whole number of pixels"),
        ({"top": 10**400}, r"top is 1000000\d*\.\.\.0*; it takes a whole number of pixels, 0 or more, up to"),
        ({"top": 3, "feather": 10**12}, "feather is 1000000000000; it takes"),
        ({"top": 3, "seed": 2**32}, "seed is 4294967296; it takes a whole number, 0 to 4294967295"),
        ({"top": 3, "seed": 1.0}, "seed is 1.0; it takes a whole number"),
        ({"top": 3, "detail": "off"}, "detail is 'off'; it takes True or False"),
        ({"top": 3, "progress": 3}, "progress is 3; it takes a function of the work done and in all, or None"),
    ],
)
def test_what_is_no_such_number_or_function_is_refused(generator, options, message):
    unchecked = srn_jax.expand.__wrapped__  # pyright: ignore[reportFunctionMemberAccess]
    with pytest.raises(InputError, match=f"^{message}"):
        unchecked(generator, noise(), **options)


@pytest.mark.parametrize(
    ("size", "margins", "message"),
    [
        (5, {"top": 1}, r"size is 5; it takes \(height, width\)"),
        ((8, 12), {}, "top, bottom, left and right are all 0"),
        ((8, 12), {"left": -3}, "left is -3; it takes a whole number of pixels, 0 or more"),
        ((8, 12), {"right": 2.5}, "right is 2.5; it takes a whole number of pixels"),
    ],
)
def test_a_plan_of_no_size_or_no_margins_is_refused(generator, size, margins, message):
    unchecked = plan_expansion.__wrapped__  # pyright: ignore[reportFunctionMemberAccess]
    with pytest.raises(InputError, match=message):
        unchecked(generator, size, **margins)


def test_a_feather_reaches_no_farther_than_the_margins(generator):
    picture = noise((30, 40))
    margins: dict[str, Any] = {"top": 5, "left": 9}
    expected = expand(generator, picture, **margins, feather=9)
    np.testing.assert_array_equal(expand(generator, picture, **margins, feather=10**9), expected)
    assert (expected != expand(generator, picture, **margins, feather=3)).any()


def test_a_damaged_generator_is_told_of_the_pass_and_not_of_a_picture(generator):
    broken = generator.replace(params=jax.tree.map(lambda leaf: leaf * np.nan, generator.params))
    with pytest.raises(InputError, match=r"^params paint values that are NaN"):
        expand(broken, noise(), top=4)
    with pytest.raises(InputError, match=r"^pass 1 of 4: params paint values that are NaN"):
        expand(broken, noise(), right=36)


def test_a_raw_tree_of_parameters_is_refused(generator):
    unchecked = srn_jax.expand.__wrapped__  # pyright: ignore[reportFunctionMemberAccess]
    with pytest.raises(InputError, match="generator is a dict; expand takes a Generator"):
        unchecked(generator.params, noise(), top=1)


def shifts_by_loops(canvas: np.ndarray, picture: np.ndarray, box: Box, feather: int) -> np.ndarray:
    """Returns `match_tones` of a picture whose shift is the same along the whole border."""
    result = canvas.copy()
    for row in range(canvas.shape[0]):
        for column in range(canvas.shape[1]):
            near = (
                min(max(row, box.top), box.top + box.height - 1),
                min(max(column, box.left), box.left + box.width - 1),
            )
            distance = np.hypot(row - near[0], column - near[1])
            if 0 < distance <= feather:
                fade = 0.5 + 0.5 * np.cos(np.pi * distance / (feather + 1))
                result[row, column] += (picture[0, 0] - canvas[0, 0]) * fade
    return result


@pytest.mark.parametrize("box", [Box(6, 5, 7, 9), Box(0, 0, 7, 9), Box(13, 3, 7, 22), Box(4, 4, 1, 1), Box(2, 2, 1, 8)])
@pytest.mark.parametrize("feather", [1, 4, 50])
def test_a_tone_that_is_off_everywhere_fades_outward(box, feather):
    canvas, picture = np.full((20, 25), 0.3, np.float32), np.full((box.height, box.width), 0.5, np.float32)
    expected = shifts_by_loops(canvas, picture, box, feather)
    np.testing.assert_allclose(match_tones(canvas, picture, box, feather), expected, atol=1e-6)


def test_the_tone_follows_the_border():
    """Above the picture the canvas is too dark, below it too bright: each is shifted by its own."""
    canvas, picture = np.full((40, 60), 0.5), np.full((10, 40), 0.5)
    picture[0], picture[-1] = 0.6, 0.2
    found = match_tones(canvas, picture, Box(15, 10, 10, 40), 8)
    assert found[14, 30] == pytest.approx(0.6, abs=0.01)
    assert found[25, 30] == pytest.approx(0.2, abs=0.02)
    assert found[20, 30] == 0.5
    assert found[0, 0] == 0.5
