"""Between two pictures: the known picture's halves at the ends of the canvas, from training to `join`."""

import re
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageCms

import srn_jax
from srn_jax import SRN, SRNHR, Generator, InputError, expand, extrapolate, geometry, join, ops
from srn_jax import config as settings
from srn_jax.demo import __main__ as demo
from srn_jax.evaluate import __main__ as evaluation
from srn_jax.evaluate.crops import CanvasCrops, open_pictures
from srn_jax.evaluate.fills import FILLS, SLOW_FILLS
from srn_jax.evaluate.full_resolution import FullResolutionCrops
from srn_jax.generators.generator import architecture, from_architecture
from srn_jax.infer import __main__ as inference
from srn_jax.infer import plan_expansion, plan_join
from srn_jax.infer.joining import least_path
from srn_jax.losses import spatial
from srn_jax.models.expansion import EXPANSIONS
from srn_jax.models.fen import FEN
from srn_jax.models.generators import GENERATORS
from srn_jax.models.layers import apply
from srn_jax.train import report
from srn_jax.train.start import start_from
from srn_jax.train.state import build_networks
from srn_jax.train.step import build_steps
from tests import golden_cases, tiny
from tests.programs import ended
from tests.test_generator import save, tiny_generator
from tests.tiers import slow_but

KNOWN, CANVAS = (8, 8), (8, 16)
BETWEEN: dict[str, Any] = {
    "geometry__known": (8, 16),
    "geometry__canvas": (16, 32),
    "geometry__placement": "between",
}
run = jax.jit(apply, static_argnums=0)


def noise(*size: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def two(height: int, width: int, half: int, rows: slice = slice(None)) -> np.ndarray:
    """Returns a mask of [h, w, 1], 0 on `half` columns at each end in `rows`."""
    mask = np.ones((height, width, 1), np.float32)
    mask[rows, :half] = mask[rows, width - half :] = 0
    return mask


@pytest.fixture(scope="module")
def generator() -> Generator:
    return tiny_generator(SRN((1, 2), width=4), KNOWN, CANVAS, "between")


@pytest.fixture(scope="module")
def workdir(generator, tmp_path_factory) -> Path:
    return save(tmp_path_factory.mktemp("between"), generator, 1)


# --- Geometry, losses, networks


@pytest.mark.parametrize(
    ("known", "canvas", "rows"), [((8, 16), (16, 32), slice(4, 12)), ((8, 8), (8, 24), slice(0, 8))]
)
@pytest.mark.parametrize("count", [1, 3])
def test_masks_are_0_on_the_halves_at_both_ends(known, canvas, rows, count):
    keys = jax.random.split(jax.random.key(3), count)
    drawn = jax.jit(geometry.draw_masks, static_argnums=(0, 2, 3))("between", keys, canvas, known)
    expected = two(canvas[0], canvas[1], known[1] // 2, rows)
    np.testing.assert_array_equal(drawn, np.stack([expected] * count))
    np.testing.assert_array_equal(geometry.known_offset(drawn), [[rows.start, 0]] * count)
    np.testing.assert_array_equal(geometry.known_gap(drawn), [canvas[1] - known[1]] * count)


def test_a_mask_of_one_rectangle_or_none_has_no_gap():
    masks = np.ones((3, 6, 9, 1), np.float32)
    masks[0, 1:3, 4:7] = masks[1, :, :] = 0
    np.testing.assert_array_equal(geometry.known_gap(jnp.asarray(masks)), [0, 0, 0])


def test_a_known_picture_is_cropped_with_its_halves_side_by_side():
    image = np.random.default_rng(0).normal(size=(3, 7, 12, 2)).astype(np.float32)
    offset, gap = np.array([[1, 0], [2, 3], [0, 0]], np.int32), np.array([8, 0, 1], np.int32)
    found = jax.jit(geometry.crop_known, static_argnums=3)(image, offset, gap, (3, 4))
    for b, ((top, left), between) in enumerate(zip(offset, gap, strict=True)):
        columns = [left, left + 1, left + 2 + between, left + 3 + between]
        np.testing.assert_array_equal(found[b], image[b, top : top + 3, columns].swapaxes(0, 1))


@pytest.mark.parametrize("gamma", [0.99, 0.9])
def test_discounted_weights_count_from_the_nearer_of_two_rectangles(gamma):
    mask = two(7, 13, 3, slice(2, 5))
    weights = spatial.discounted_weights(jnp.asarray(mask[None]), gamma=gamma)
    known = np.argwhere(mask[..., 0] == 0)
    for i, j in np.ndindex(7, 13):
        nearest = min(np.hypot(i - k, j - m) for k, m in known)
        expected = gamma**nearest * mask[i, j, 0] / mask.mean()
        assert float(weights[0, i, j, 0]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", spatial.SPATIAL_WEIGHTS)
def test_every_spatial_weight_looks_between_alone(name):
    weights = np.asarray(spatial.SPATIAL_WEIGHTS[name](jnp.asarray(two(16, 32, 8)[None])))
    assert (weights[:, :, :8] == 0).all()
    assert (weights[:, :, -8:] == 0).all()
    assert (weights[:, :, 8:-8] > 0).all()


def mirrored(place: int, start: int, length: int) -> int:
    """Returns where `place` is found in a stretch from `start`, mirrored beyond its ends, its last value repeated."""
    while not start <= place < start + length:
        place = 2 * start - 1 - place if place < start else 2 * (start + length) - 1 - place
    return place - start


@pytest.mark.parametrize("gap", [1, 4, 15])
def test_features_are_mirrored_up_to_the_middle_of_the_gap(gap):
    x = np.random.default_rng(1).normal(size=(1, 3, 6, 2)).astype(np.float32)
    size = (5, 6 + gap)
    found = jax.jit(ops.mirror_to_canvas, static_argnums=2)(x, np.array([[1, 0]]), size, np.array([gap]))
    for i, j in np.ndindex(*size):
        row = mirrored(i, 1, 3)
        column = mirrored(j, 0, 3) if j < 3 + gap - gap // 2 else 3 + mirrored(j, 3 + gap, 3)
        np.testing.assert_array_equal(found[0, i, j], x[0, row, column])


@pytest.mark.parametrize("mode", ["edge replication", "mirror fill"])
@pytest.mark.parametrize("gap", [1, 4, 9])
def test_fills_go_on_from_either_side_up_to_the_middle(mode, gap):
    image, mask = noise(6, 6 + gap), two(6, 6 + gap, 3, slice(1, 4))
    filled = FILLS[mode](image, mask)
    for i, j in np.ndindex(*mask.shape[:2]):
        first = j < 3 + gap - gap // 2
        start = 0 if first else 3 + gap
        place = [mirrored(i, 1, 3), mirrored(j, start, 3)]
        if mode == "edge replication":
            place = [min(max(i - 1, 0), 2), min(max(j - start, 0), 2)]
        np.testing.assert_array_equal(filled[i, j], image[1 + place[0], start + place[1]])


@pytest.mark.parametrize("name", FILLS | SLOW_FILLS)
def test_fills_keep_both_ends(name):
    image, mask = noise(9, 17), two(9, 17, 4)
    filled = (FILLS | SLOW_FILLS)[name](image, mask)
    np.testing.assert_array_equal(np.where(mask == 0, filled, 0), np.where(mask == 0, image, 0))
    assert not np.array_equal(filled, image)


@pytest.mark.parametrize("expansion", slow_but(["subpixel"], EXPANSIONS))
def test_fen_sees_the_halves_side_by_side(expansion):
    model = SRN((2, 3), width=4, expansion=expansion)
    image = np.random.default_rng(2).uniform(-1, 1, (2, 16, 48, 3)).astype(np.float32)
    masks = np.stack([two(16, 48, 8, slice(4, 12)), two(16, 48, 8, slice(8, 16))])
    params = tiny.parameters(model, jnp.asarray(image), jnp.asarray(masks))
    painted, features = run(model, params, np.where(masks > 0.5, np.nan, image), masks)
    known = np.stack(
        [
            np.concatenate([image[b, rows, :8], image[b, rows, -8:]], axis=1)
            for b, rows in enumerate([slice(4, 12), slice(8, 16)])
        ]
    )
    of_known = run(FEN(4), params["fen"], known)
    offset, gap = jnp.array([[4, 0], [8, 0]]), jnp.array([32, 32])
    expected = run(EXPANSIONS[expansion](ratio=(2, 3)), params["expansion"], of_known, offset, gap)
    np.testing.assert_allclose(features, expected, atol=golden_cases.rounding(golden_cases.sums(params)))
    assert painted.shape == image.shape
    assert np.isfinite(painted).all()


def build(**changes: Any) -> Any:
    config = settings.resolve(tiny.config(**BETWEEN | changes))
    networks = build_networks(config)
    return config, build_steps(config, networks), tiny.state(config, networks), networks


@pytest.mark.slow
@pytest.mark.parametrize("name", GENERATORS)
def test_a_step_of_both_phases_takes_it(name):
    """With both critics and RSV's weights."""
    _, (_, step), state, _ = build(model__name=name, critic__updates=1)
    image = jax.random.uniform(jax.random.key(1), (2, 2, 16, 32, 3), minval=-1.0)
    assert set(state.critics) == {"global", "context"}
    after, metrics = jax.jit(step)(state, image, {})
    assert all(np.isfinite(value) for value in metrics.values())
    for part in ("params", "critics"):
        moved = jax.tree.map(lambda a, b: bool((a != b).any()), getattr(after, part), getattr(state, part))
        assert any(jax.tree.leaves(moved))


def test_a_step_draws_it_and_completes_between_both_ends():
    _, (_, step), _, _ = build()
    image = np.random.default_rng(6).uniform(-1, 1, (2, 16, 32, 3)).astype(np.float32)
    batch = step.draw(jax.random.key(0), jnp.asarray(image))
    np.testing.assert_array_equal(batch.mask[0], two(16, 32, 8, slice(4, 12)))
    completed = geometry.complete(jnp.zeros(image.shape), jnp.asarray(image), batch.mask)
    np.testing.assert_array_equal(completed[:, 4:12, :8], image[:, 4:12, :8])
    np.testing.assert_array_equal(completed[:, 4:12, -8:], image[:, 4:12, -8:])
    assert (completed[:, :, 8:-8] == 0).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"geometry__known": (8, 12), "geometry__canvas": (16, 24)}, r"known is \(8, 12\) .*'between'.*such as 16$"),
        ({"geometry__canvas": (16, 16)}, r"known \(8, 16\) is as wide as geometry.canvas \(16, 16\): .*'between'"),
    ],
)
def test_what_cannot_be_halved_is_refused(changes, message):
    with pytest.raises(InputError, match=message) as caught:
        settings.resolve(tiny.config(**BETWEEN | changes))
    assert "\n" not in str(caught.value)


def test_a_run_starts_from_a_model_of_another_ratio(tmp_path):
    before = tiny_generator(SRN((2, 2), width=4), (8, 12), (16, 24))
    config, _, state, networks = build(geometry__known=(16, 16))
    started, told = start_from(str(save(tmp_path, before, 1)), state, networks.generator)
    assert told.startswith("generator but for its expansion (ratio is (2, 2) there, (1, 2) here)")
    for part in ("fen", "cpn"):
        jax.tree.map(np.testing.assert_array_equal, started.average[part], before.params[part])
    jax.tree.map(np.testing.assert_array_equal, started.params["expansion"], state.params["expansion"])
    assert config.geometry.placement == "between"


# --- extrapolate


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize(
    ("model", "known", "canvas"), [(SRN((1, 2), width=4), (8, 8), (8, 16)), (SRNHR(width=4), (6, 10), (8, 24))]
)
def test_extrapolate_keeps_both_ends(model, known, canvas, whole):
    generator = tiny_generator(model, known, canvas, "between")
    mask = two(canvas[0], canvas[1], known[1] // 2, slice(0, known[0]))[..., 0] == 1
    picture = noise(*(canvas if whole else known))
    painted = extrapolate(generator, picture, mask)
    left = painted[: known[0], : known[1] // 2], painted[: known[0], -(known[1] // 2) :]
    halves = picture[: known[0], : known[1] // 2], picture[: known[0], -(known[1] // 2) :]
    for found, expected in zip(left, halves, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert painted.shape == (*canvas, 3)
    side_by_side = np.concatenate(halves, axis=1)
    np.testing.assert_array_equal(painted, extrapolate(generator, side_by_side, mask))


def test_masks_of_one_rectangle_and_of_two_go_together():
    generator = tiny_generator(SRN((2, 2), width=4), (8, 8), (16, 16))
    pictures, masks = noise(2, 8, 8), np.ones((2, 16, 16), bool)
    masks[0, 3:11, 5:13] = False
    masks[1] = two(16, 16, 4, slice(4, 12))[..., 0] == 1
    together = extrapolate(generator, pictures, masks)
    np.testing.assert_array_equal(together[0, 3:11, 5:13], pictures[0])
    np.testing.assert_array_equal(together[1, 4:12, :4], pictures[1, :, :4])
    np.testing.assert_array_equal(together[1, 4:12, 12:], pictures[1, :, 4:])


def spans(*known: tuple[int, int], rows: slice = slice(None)) -> np.ndarray:
    mask = np.ones((8, 24), bool)
    for first, last in known:
        mask[rows, first : last + 1] = False
    return mask


STEPS = spans((0, 3))
STEPS[2:, 20:] = False


@pytest.mark.parametrize(
    ("mask", "seen"),
    [
        (spans((0, 3), (18, 23)), "on 2 rectangles, columns 0 to 3, 18 to 23 of 0 to 23"),
        (spans((1, 4), (20, 23)), "on 2 rectangles, columns 1 to 4, 20 to 23 of 0 to 23"),
        (spans((0, 3), (10, 13)), "on 2 rectangles, columns 0 to 3, 10 to 13 of 0 to 23"),
        (spans((0, 3), (8, 11), (20, 23)), "on 3 rectangles, columns 0 to 3, 8 to 11, 20 to 23 of 0 to 23"),
        (STEPS, "on several regions, or on one that is no rectangle"),
        (spans((0, 3), (20, 23)).T, "on several regions, or on one that is no rectangle"),
    ],
)
def test_other_rectangles_are_refused(mask, seen):
    generator = tiny_generator(SRNHR(width=4), (8, 8), (8, 24), "between")
    with pytest.raises(InputError) as caught:
        extrapolate(generator, noise(8, 8), mask)
    wanted = "it takes one rectangle of 0, or two of one width in the same rows, at the left and the right end"
    assert str(caught.value) == f"mask is 0 {seen}; {wanted}"


def test_halves_that_strides_cut_are_refused():
    generator = tiny_generator(SRN((1, 2), width=4), KNOWN, CANVAS, "between")
    with pytest.raises(InputError, match=r"8x12 on a canvas of 8x24, in two halves: .*multiples of 4, here 0 on 8 col"):
        extrapolate(generator, noise(8, 12), two(8, 24, 6)[..., 0])


# --- join


@pytest.fixture
def planes(monkeypatch) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Has the painter go on with the plane through what it knows; returns what it was called with, as sizes."""
    calls = []

    def paint(generator, picture, mask):
        calls.append((picture.shape[:2], mask.shape))
        known = ~mask
        whole = np.zeros((*mask.shape, 3), np.float32)
        half = picture.shape[1] // 2
        rows = np.flatnonzero(known.any(axis=1))
        whole[rows, :half], whole[rows, -half:] = picture[:, :half], picture[:, half:]
        places = np.argwhere(known)
        fitted = np.linalg.lstsq(np.c_[places, np.ones(len(places))], whole[known], rcond=None)[0]
        everywhere = np.c_[np.argwhere(np.ones_like(mask)), np.ones(mask.size)]
        painted = (everywhere @ fitted).reshape(*mask.shape, 3).astype(np.float32)
        return np.where(known[..., None], whole, painted)

    monkeypatch.setattr(sys.modules["srn_jax.infer.joining"], "extrapolate", paint)
    return calls


unchecked: Any = join.__wrapped__  # pyright: ignore[reportFunctionMemberAccess]  # users run without the tests' types


def slope(height: int, width: int) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    planes = (0.3 + 0.2 * rows / height, 0.8 - 0.6 * columns / width, 0.2 + 0.3 * columns / width)
    return np.stack(planes, axis=-1).astype(np.float32)


@pytest.mark.parametrize(
    ("height", "left", "gap", "right"),
    [(16, 30, 16, 40), (64, 80, 16, 70), (9, 50, 70, 60), (16, 5, 40, 70), (30, 8, 1, 8), (300, 20, 10, 20)],
)
def test_what_lies_between_is_painted_in_its_place(generator, planes, height, left, gap, right):
    whole = slope(height, left + gap + right)
    pictures = whole[:, :left].copy(), whole[:, left + gap :].copy()
    found = join(generator, *pictures, gap, detail=False)
    assert found.shape == whole.shape
    np.testing.assert_array_equal(found[:, :left], pictures[0])
    np.testing.assert_array_equal(found[:, left + gap :], pictures[1])
    limit = 0.012 if left > gap // 2 else 0.2  # of a narrow picture the rest is mirrored: no plane
    if height <= 8 * gap:
        np.testing.assert_allclose(found, whole, atol=limit)
    assert len(planes) == 1
    planned = plan_join(generator, pictures[0].shape[:2], pictures[1].shape[:2], gap)
    assert planes[0] == (planned.working, planned.canvas)
    assert planned.working[1] == 8
    assert planned.working[0] == min(max(4, round(8 * height / gap / 4) * 4), 128)
    assert (planned.size, planned.scaled) == (found.shape[:2], (planned.working[0], 8))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float16])
def test_the_network_itself_runs_and_both_pictures_come_back(generator, dtype):
    left, right = noise(12, 20, seed=1), noise(12, 15, seed=2)
    if dtype != np.uint8:
        left, right = ((one / 255).astype(dtype) for one in (left, right))
    found = join(generator, left, right, 11)
    assert (found.shape, found.dtype) == ((12, 46, 3), dtype)
    np.testing.assert_array_equal(found[:, :20], left)
    np.testing.assert_array_equal(found[:, 31:], right)
    assert found[:, 20:31].std() > 0
    np.testing.assert_array_equal(join(generator, left, right, np.int8(11), seed=np.uint16(0)), found)


def test_a_model_that_painted_above_and_below_too_joins(planes):
    generator = tiny_generator(SRN((2, 2), width=4), (8, 16), (16, 32), "between")
    whole = slope(24, 90)
    found = join(generator, whole[:, :30], whole[:, 60:], 30, detail=False)
    np.testing.assert_allclose(found, whole, atol=0.012)
    assert planes == [((12, 16), (24, 32))]


@pytest.mark.parametrize("lower", ["left", "right"])
def test_the_higher_picture_is_scaled_down_to_the_lower(generator, planes, lower):
    low, high = noise(12, 20), np.full((18, 33, 3), 90, np.uint8)
    found = join(generator, *((low, high) if lower == "left" else (high, low)), 10, detail=False)
    assert found.shape == (12, 20 + 10 + 22, 3)
    found = found if lower == "left" else found[:, ::-1]
    np.testing.assert_array_equal(found[:, :20], low if lower == "left" else low[:, ::-1])
    assert (found[:, 30:] == 90).all()


def test_feather_takes_on_the_tones_of_both(generator, monkeypatch):
    def grey(generator, picture, mask):
        return np.full((*mask.shape, 3), 0.5, np.float32)

    monkeypatch.setattr(sys.modules["srn_jax.infer.joining"], "extrapolate", grey)
    left, right = np.full((16, 30, 3), 0.2, np.float32), np.full((16, 30, 3), 0.9, np.float32)
    hard, soft = (join(generator, left, right, 40, detail=False, feather=feather) for feather in (0, 12))
    np.testing.assert_allclose(hard[:, 34:66], 0.5, atol=0.05)
    assert abs(soft[8, 30, 0] - 0.2) < 0.05
    assert abs(soft[8, 69, 0] - 0.9) < 0.05
    np.testing.assert_allclose(soft[:, 44:56], hard[:, 44:56], atol=1e-6)
    farthest = join(generator, left, right, 40, detail=False, feather=10**6)
    np.testing.assert_array_equal(farthest, join(generator, left, right, 40, detail=False, feather=20))


@pytest.mark.usefixtures("quick_detail")
def test_detail_is_made_of_pieces_of_both(generator):
    rng = np.random.default_rng(0)
    left, right = np.zeros((2, 24, 40, 3), np.uint8)
    left[..., 0] = rng.integers(60, 256, (24, 40))  # red alone, blue alone
    right[..., 2] = rng.integers(60, 256, (24, 40))
    calls: list[tuple[int, int]] = []
    found = join(generator, left, right, 32, progress=lambda done, of: calls.append((done, of)))
    np.testing.assert_array_equal(found[:, :40], left)
    np.testing.assert_array_equal(found[:, 72:], right)
    painted = found[:, 40:72].astype(float)
    assert painted[:, :4, 0].mean() > 2 * painted[:, -4:, 0].mean()
    assert painted[:, -4:, 2].mean() > 2 * painted[:, :4, 2].mean()
    assert calls[-1][0] == calls[-1][1] == len(calls) - 1 + 40
    assert (join(generator, left, right, 32, seed=1) != found).any()
    np.testing.assert_array_equal(join(generator, left, right, 32), found)
    soft = join(generator, left, right, 32, detail=False)
    assert np.abs(np.diff(painted, axis=1)).mean() > np.abs(np.diff(soft[:, 40:72].astype(float), axis=1)).mean()


@pytest.mark.usefixtures("quick_detail")
def test_a_picture_too_small_for_detail_gives_none(generator):
    left, right = noise(24, 10), noise(24, 40)
    assert (join(generator, left, right, 16) != join(generator, left, right, 16, detail=False)).any()
    small = noise(20, 40)
    np.testing.assert_array_equal(join(generator, small, small, 16), join(generator, small, small, 16, detail=False))


def test_the_cut_is_the_cheapest_of_all():
    cost = np.random.default_rng(4).random((4, 8)).astype(np.float32)
    paid = cost[:, 2:6] + 0.02 * np.square(((np.arange(2, 6) + 0.5) / 8 - 0.5) / 0.25)
    paths = [path for path in np.ndindex(4, 4, 4, 4) if max(abs(np.diff(path))) <= 1]
    best = min(paths, key=lambda path: sum(paid[row, column] for row, column in enumerate(path)))
    np.testing.assert_array_equal(least_path(cost), np.array(best) + 2)
    np.testing.assert_array_equal(least_path(np.ones((3, 1), np.float32)), [0, 0, 0])


@pytest.mark.parametrize(
    ("left", "right", "gap", "options", "message"),
    [
        (noise(8, 9), noise(8, 9), 0, {}, "gap is 0; it takes a whole number of pixels, 1 or more"),
        (noise(8, 9), noise(8, 9), 2.0, {}, "gap is 2.0; it takes"),
        (noise(8, 9), noise(8, 9)[..., 0], 3, {}, r"right has shape \(8, 9\); it takes"),
        (noise(2, 8, 9), noise(8, 9), 3, {}, r"left has shape \(2, 8, 9, 3\); join takes one picture"),
        (noise(8, 9), noise(8, 9) / 255, 3, {}, "left has dtype uint8 and right float64; join takes both alike"),
        (noise(8, 9) / 1.0, noise(8, 9) / 1.0, 3, {}, r"left is float in \[0.0, 2"),
        (noise(8, 9), noise(8, 9), 3, {"seed": -1}, "seed is -1"),
        (noise(8, 9), noise(8, 9), 3, {"feather": -1}, "feather is -1"),
        (noise(8, 9), noise(8, 9), 3, {"detail": "yes"}, "detail is 'yes'"),
        (noise(8, 9), noise(8, 9), 3, {"progress": 1}, "progress is 1"),
    ],
)
def test_what_cannot_be_joined_is_refused(generator, left, right, gap, options, message):
    with pytest.raises(InputError, match=message) as caught:
        unchecked(generator, left, right, gap, **options)
    assert "\n" not in str(caught.value)


def test_each_kind_of_model_takes_its_own_task(generator):
    around = tiny_generator(SRN((2, 2), width=4), (8, 12), (16, 24))
    with pytest.raises(InputError, match=r"around one picture \(placement 'random'\).*'between', which comes with"):
        join(around, noise(8, 9), noise(8, 9), 3)
    with pytest.raises(InputError, match=r"between two pictures \(placement 'between'\): join takes it"):
        expand(generator, noise(8, 9), left=3)
    with pytest.raises(InputError, match=r"between two pictures \(placement 'between'\): join takes it"):
        plan_expansion(generator, (8, 9), left=1, right=1)
    with pytest.raises(InputError, match=r"generator is a dict; join takes a Generator"):
        unchecked({}, noise(8, 9), noise(8, 9), 3)
    mask = np.ones(CANVAS, bool)
    mask[:, 3:11] = False
    assert extrapolate(generator, noise(*KNOWN), mask).shape == (*CANVAS, 3)  # whatever it was trained with


# --- The programs


@pytest.fixture
def command(workdir, tmp_path, monkeypatch, capsys):
    """Runs `infer` in a folder of two pictures; returns status, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(noise(12, 20, seed=1)).save("left.png")
    Image.fromarray(noise(12, 16, seed=2)).save("right.png")

    def call(*arguments: object, checkpoint: object = workdir) -> tuple[object, str, str]:
        given = "--checkpoint", checkpoint, "--input", "left.png", "--output", "out.png", *arguments
        return ended(inference.main, capsys, *given)

    return call


def line(outcome: tuple[object, str, str]) -> str:
    status, out, err = outcome
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("error: ")
    return err.strip()


PAIR = ("--input2", "right.png", "--gap", 9)


def test_two_photographs_are_joined(command, generator):
    status, out, err = command(*PAIR)
    assert (status, err) == (0, "")
    assert out == (
        "wrote out.png, 20x12 and 16x12, 9 apart -> 45x12 (width x height), 1 pass, painted with the gap at the "
        "model's scale, 8x12, without detail: it takes 21 pixels on each side\n"
    )
    found = np.asarray(Image.open("out.png"))
    np.testing.assert_array_equal(found, join(generator, noise(12, 20, seed=1), noise(12, 16, seed=2), 9))
    assert "out.png exists; --force replaces it" in line(command(*PAIR))
    assert command(*PAIR, "--force", "--detail", "off", "--feather", 2, "--seed", 3)[0] == 0
    assert sorted(file.name for file in Path().iterdir()) == ["left.png", "out.png", "right.png"]


@pytest.mark.slow
@pytest.mark.usefixtures("quick_detail")
def test_heights_exif_and_detail_are_told_and_kept(command):
    rng = np.random.default_rng(5)
    stored = rng.integers(0, 256, (40, 30, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    Image.fromarray(stored).save("right.png", exif=exif)
    upright = noise(60, 80, seed=1)
    Image.fromarray(upright).save("left.png")
    status, out, _ = command("--input2", "right.png", "--gap", 20)
    assert status == 0
    assert "80x60 scaled to 40x30 and 40x30, 20 apart -> 100x30" in out
    assert out.endswith(", detail from both pictures\n")
    found = Image.open("out.png")
    np.testing.assert_array_equal(np.asarray(found)[:, 60:], np.rot90(stored, -1))
    assert 0x0112 not in found.getexif()


def test_transparency_is_kept_on_either_side(command):
    clear = np.dstack([noise(12, 16, seed=4), np.full((12, 16), 255, np.uint8)])
    clear[:6, :, 3] = 0
    Image.fromarray(clear).save("right.png")
    assert command(*PAIR)[0] == 0
    found = np.asarray(Image.open("out.png"))
    np.testing.assert_array_equal(found[:, 29:], clear)
    assert (found[:, :29, 3] == 255).all()


def test_colours_of_two_profiles_become_srgb(command, caplog):
    stored = noise(12, 16, seed=3)
    wide = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(stored).save("right.png", icc_profile=wide)
    assert command(*PAIR)[0] == 0
    assert "right.png: its colours become sRGB, since the other picture has another profile" in caplog.text
    found = Image.open("out.png")
    assert "icc_profile" not in found.info
    np.testing.assert_array_equal(np.asarray(found)[:, :20], noise(12, 20, seed=1))
    np.testing.assert_allclose(np.asarray(found)[:, 29:].astype(int), stored, atol=1)  # which it was before
    Image.fromarray(noise(12, 20, seed=1)).save("left.png", icc_profile=wide)
    assert command(*PAIR, "--force")[0] == 0
    kept = Image.open("out.png")
    assert kept.info["icc_profile"] == wide
    np.testing.assert_array_equal(np.asarray(kept)[:, 29:], stored)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--input2", "right.png"), "--input2 and --gap go together"),
        (("--gap", 3), "--input2 and --gap go together"),
        (("--input2", "right.png", "--gap", 0), "--gap is 0; it takes 1 pixel or more"),
        (("--input2", ".", "--gap", 3), "--input2 is the folder"),
        (("--input2", "none.png", "--gap", 3), "--input2 is '"),
        ((*PAIR, "--input", "."), "--input is the folder"),
        ((*PAIR, "--output", "."), "--output is the folder"),
        ((*PAIR, "--output", "out.gif"), "--output is 'out.gif'; with --input2 it takes a file that ends in .png"),
        ((*PAIR, "--output", "right.png"), "--output would replace the input"),
        (("--input2", "right.png", "--gap", 10**9), "million pixels"),
        *(
            ((*PAIR, f"--{name}", value), f"--input2 and --{name} exclude each other")
            for name, value in {
                **dict.fromkeys(("top", "bottom", "left", "right"), 0),
                "size": "90x90",
                "aspect": "16:9",
                "ratio": "2",
                "placement": "center",
                "share": "0/2",
                "batch": 4,
                "rounding": "truncate",
            }.items()
        ),
        ((*PAIR, "--fit"), "--input2 and --fit exclude each other"),
    ],
)
def test_what_does_not_go_with_two_pictures_is_refused(command, given, message):
    assert message in line(command(*given))


def test_models_for_one_picture_and_for_two_are_told_apart(command):
    assert "trained to paint around one picture (placement 'random')" in line(command(*PAIR, checkpoint="scenes"))
    assert "trained to paint between two pictures (placement 'between')" in line(command("--left", 4))
    parsed = inference.parse(["--input", "a", "--output", "b"])
    assert parsed.checkpoint == "scenes"
    parsed = inference.parse(["--input", "a", "--output", "b.png", "--input2", "c", "--gap", "4"])
    assert parsed.checkpoint == "between"


def test_a_judged_picture_shows_its_two_ends(generator, tmp_path):
    photos = tiny.write_pictures(tmp_path / "photos", 1, (16, 40))
    crop = CanvasCrops(open_pictures(str(photos), "test"), generator, 0).read(0)
    assert crop is not None
    np.testing.assert_array_equal(crop.mask, two(*CANVAS, 4))
    np.testing.assert_array_equal(crop.picture, np.concatenate([crop.image[:, :4], crop.image[:, -4:]], axis=1))
    full = FullResolutionCrops(open_pictures(str(photos), "test"), generator, 0, "trained").read(0)
    assert full is not None
    assert (full.image.shape, full.gap) == ((16, 32, 3), 16)
    np.testing.assert_array_equal(full.mask, two(16, 32, 8))
    with pytest.raises(InputError, match=r"--full-resolution sides is for models that paint around one picture"):
        FullResolutionCrops(open_pictures(str(photos), "test"), generator, 0, "sides")


@pytest.mark.slow
@pytest.mark.usefixtures("quick_detail")
@pytest.mark.parametrize("full", [False, True])
def test_it_is_judged_beside_the_fills(tmp_path, capsys, full):
    known, canvas = (24, 48), (24, 96)
    trained = tiny_generator(SRN((1, 2), width=4), known, canvas, "between")
    run = save(tmp_path / "run", trained, 1)
    photos = tiny.write_pictures(tmp_path / "photos", 2, (24, 96))
    given = "--checkpoint", run, "--data", photos, "--output", tmp_path / "out"
    evaluation.main([*map(str, given), *(["--full-resolution"] if full else [])])
    out, _ = capsys.readouterr()
    systems = re.findall(r"^\| ([^|]+?) \| \d", out, re.MULTILINE)
    assert systems[:6] == ["SRN", "SRN + detail", *FILLS, *SLOW_FILLS]


def test_the_page_offers_no_model_for_two_pictures():
    assert "between" not in demo.parse([]).checkpoint


@pytest.mark.slow
def test_the_page_takes_no_model_for_two_pictures(workdir, capsys):
    pytest.importorskip("gradio")
    with pytest.raises(SystemExit):
        demo.main(["--checkpoint", str(workdir)])
    assert "between two pictures" in capsys.readouterr().err


def test_a_description_that_no_canvas_fits_is_damage(generator):
    assert from_architecture(architecture(generator)).placement == "between"
    for changes in ({"known": [8, 12]}, {"canvas": [16, 8]}):
        with pytest.raises(ValueError, match="whose halves cannot lie at the ends"):
            from_architecture(architecture(generator) | changes)


def test_a_run_tells_what_to_do_with_two_photographs(generator):
    assert "--input LEFT.jpg --input2 RIGHT.jpg --gap 300" in report.own_photos(generator, "runs/mine")
    around = generator.replace(placement="random")
    assert report.own_photos(around, "runs/mine").endswith(
        "python -m srn_jax.infer --checkpoint runs/mine --input PHOTO.jpg --output extrapolated.png"
    )


def test_it_is_public():
    assert srn_jax.join is join
    assert "join" in srn_jax.__all__
