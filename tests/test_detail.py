"""Detail: each part held by slow loops, and what must hold of the whole."""

import sys
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, maximum_filter

import srn_jax
from srn_jax import SRN, Generator, InputError
from srn_jax.detail import LEAST_SIDE, plan_levels, synthesize, work_of
from srn_jax.detail.blocks import laid_out
from srn_jax.detail.layout import Layout
from srn_jax.detail.match import BLOCK, NONE, refine, search_all
from srn_jax.detail.pyramid import PAINTED_BUDGET, Box, Level, halved
from srn_jax.detail.settings import DEFAULT
from srn_jax.detail.source import COMPONENTS, basis_of, features_of, make_source, padded_length, patch_features
from srn_jax.detail.tiles import corners, cut, magnified, put
from srn_jax.detail.tones import SWEEPS, lead_tones, level_tones
from srn_jax.detail.vote import vote, vote_with_steps
from srn_jax.infer.texture import plan_detail
from srn_jax.infer.windows import Sides
from tests.test_generator import tiny_generator
from tests.tiers import slow_but
from tests.tiny import QUICK_DETAIL, TILE

KEY = jax.random.key(0)


def noise(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((height, width, channels), np.float32)


def made(photo: np.ndarray, margins: tuple[int, int, int, int], seed: int = 0, **options: Any) -> np.ndarray:
    """Returns the canvas of a photograph, guided by a blur of what is nearest in it."""
    levels = plan_levels((photo.shape[0], photo.shape[1]), margins)
    coarsest = levels.levels[0]
    box, blurred = coarsest.box, gaussian_filter(halved(photo, coarsest.halvings), (6, 6, 0), mode="nearest")
    beyond = [(at, of - at - n) for at, of, n in zip(box[:2], coarsest.canvas, box[2:], strict=True)]
    guide = np.pad(blurred, (*beyond, (0, 0)), mode="edge")
    told: dict[str, Any] = {"tile": TILE} | options
    canvas = synthesize(photo, guide, levels, jax.random.key(seed), **told)
    top, left = levels.corner
    height, width = margins[0] + photo.shape[0] + margins[1], margins[2] + photo.shape[1] + margins[3]
    return canvas[top : top + height, left : left + width]


# --- The pyramid ---


@pytest.mark.parametrize(
    ("size", "margins", "depth"),
    [
        ((21, 21), (1, 0, 0, 0), 0),
        ((79, 300), (5, 6, 7, 8), 0),
        ((80, 80), (3, 0, 1, 2), 1),
        ((651, 403), (9, 9, 9, 9), 3),
    ],
)
def test_levels_keep_the_photographs_corner_on_a_whole_pixel(size, margins, depth):
    planned = plan_levels(size, margins)
    assert planned.full
    assert [level.halvings for level in planned.levels] == list(range(depth, -1, -1))
    for level in planned.levels:
        unit = 2**level.halvings
        assert (level.box.top * unit, level.box.left * unit) == (
            margins[0] + planned.corner[0],
            margins[2] + planned.corner[1],
        )
        assert (level.box.height, level.box.width) == (size[0] // unit, size[1] // unit)
        assert level.canvas[0] * unit >= planned.corner[0] + margins[0] + size[0] + margins[1]
        assert level.canvas[1] * unit >= planned.corner[1] + margins[2] + size[1] + margins[3]
        assert level.box.top + level.box.height <= level.canvas[0]
    coarse, fine = planned.levels[0].canvas, planned.levels[-1].canvas
    assert fine == (coarse[0] << depth, coarse[1] << depth)
    assert max(planned.corner) < 2**depth
    assert fine[0] - planned.corner[0] - margins[0] - size[0] - margins[1] < 2**depth


def test_beyond_the_budget_the_finest_levels_are_left_out():
    assert plan_levels((4000, 6000), (0, 0, 3000, 3000)).full  # 24 million
    for times, margins in ((2, 6000), (4, 25_000)):
        planned = plan_levels((4000, 4000), (0, 0, margins, margins))
        assert not planned.full
        assert 2 ** planned.levels[-1].halvings == times
        last = planned.levels[-1]
        assert last.canvas[0] * last.canvas[1] - last.box.height * last.box.width <= PAINTED_BUDGET


def test_halved_is_the_mean_of_blocks():
    photo = np.random.default_rng(0).integers(0, 256, (13, 18, 3), dtype=np.uint8)
    for times in (0, 1, 2):
        side = 2**times
        expected = np.zeros((13 // side, 18 // side, 3))
        for row in range(expected.shape[0]):
            for column in range(expected.shape[1]):
                block = photo[row * side : (row + 1) * side, column * side : (column + 1) * side]
                expected[row, column] = block.mean(axis=(0, 1)) / 255
        np.testing.assert_allclose(halved(photo, times), expected, atol=1e-6)
        np.testing.assert_allclose(halved((photo / 255).astype(np.float32), times), expected, atol=1e-6)


# --- Tiles ---


@pytest.mark.parametrize("tile", [(3, 4), (16, 8), (100, 100)])
@pytest.mark.parametrize(
    "box", [Box(5, 6, 12, 15), Box(0, 6, 30, 15), Box(5, 0, 12, 40), Box(0, 0, 29, 39), Box(0, 0, 12, 15)]
)
def test_tiles_cover_all_that_touches_the_unknown(box, tile):
    level = Level(0, (30, 40), box)
    covered = np.zeros(level.canvas, bool)
    for corner in corners(level, tile):
        put(covered, corner, np.ones(tile, bool))
    unknown = np.ones(level.canvas, bool)
    unknown[box.top : box.top + box.height, box.left : box.left + box.width] = False
    touching: Any = maximum_filter(unknown, 7, mode="constant")
    assert (covered | ~touching).all()


def test_a_cut_tile_goes_beyond_the_canvas():
    values = noise(9, 11, 1)[..., 0]
    padded = np.pad(values, 20, constant_values=-1)
    edged = np.pad(values, 20, mode="edge")
    for corner in ((0, 0), (4, 5), (8, 8), (-3, 2)):
        part = slice(20 + corner[0] - 2, 20 + corner[0] + 6), slice(20 + corner[1] - 2, 20 + corner[1] + 7)
        np.testing.assert_array_equal(cut(values, corner, (4, 5), 2, -1.0), padded[part])
        np.testing.assert_array_equal(cut(values, corner, (4, 5), 2, None), edged[part])


def test_magnified_is_bilinear_in_any_part():
    values = noise(4, 5)
    for times in (1, 2):
        side, found = 2**times, magnified(values, times, (0, 0), (4 * 2**times, 5 * 2**times))
        for row in range(4 * side):
            for column in range(5 * side):
                y, x = np.clip((row + 0.5) / side - 0.5, 0, 3), np.clip((column + 0.5) / side - 0.5, 0, 4)
                i, j = min(int(y), 2), min(int(x), 3)
                a, b = y - i, x - j
                expected = (1 - a) * ((1 - b) * values[i, j] + b * values[i, j + 1])
                expected += a * ((1 - b) * values[i + 1, j] + b * values[i + 1, j + 1])
                np.testing.assert_allclose(found[row, column], expected, atol=1e-6)
        around = np.pad(found, ((9, 9), (9, 9), (0, 0)), mode="edge")
        for corner, size in (((3, 1), (2, 5)), ((-9, -7), (11, 14)), ((1, 6), (12, 9)), ((7, 0), (1, 1))):
            part = around[9 + corner[0] : 9 + corner[0] + size[0], 9 + corner[1] : 9 + corner[1] + size[1]]
            np.testing.assert_array_equal(magnified(values, times, corner, size), part)


# --- Matching ---


def test_features_keep_most_of_what_tells_patches_apart():
    photo = gaussian_filter(noise(40, 50), (1.5, 1.5, 0))
    basis = basis_of(photo)
    found = np.asarray(patch_features(photo, basis))
    assert found.shape == (34, 44, COMPONENTS)
    components = np.asarray(basis.components)
    for row, column in ((0, 0), (11, 20), (33, 43)):
        patch = photo[row : row + 7, column : column + 7] - photo.mean(axis=(0, 1))
        expected = [(patch * components[..., one]).sum() for one in range(COMPONENTS)]
        np.testing.assert_allclose(found[row, column], expected, atol=1e-5)
    one, other = photo[3:10, 5:12], photo[20:27, 30:37]
    whole, kept = np.square(one - other).mean(), np.square(found[3, 5] - found[20, 30]).sum()
    assert 0.7 * whole < kept <= whole * 1.001
    columns = components.reshape(-1, COMPONENTS) * np.sqrt(147)
    np.testing.assert_allclose(columns.T @ columns, np.eye(COMPONENTS), atol=1e-5)


def test_the_exhaustive_search_finds_the_nearest():
    features, candidates = noise(23, 5)[..., 0], noise(BLOCK + 700, 5, seed=1)[..., 0]
    candidates[100] = candidates[BLOCK + 50]  # equal ones: the first is taken
    features[0] = candidates[100]
    features[1] = candidates[7]
    penalty = 0.02 * noise(BLOCK + 700, 1, seed=2)[:, 0, 0]
    penalty[[100, BLOCK + 50]] = 0
    penalty[7] = np.inf
    room = BLOCK - 700
    found = search_all(
        features, np.pad(candidates, ((0, room), (0, 0))), np.pad(penalty, (0, room), constant_values=np.inf)
    )
    for one, wanted in zip(np.asarray(found), features, strict=True):
        distances = np.square(candidates - wanted).sum(axis=1) + penalty
        assert distances[one] == pytest.approx(distances.min(), abs=1e-6)
    assert found[0] == 100
    assert found[1] != 7


def refined_by_loops(image, layout, matches, features, size, basis, box, corner, key, radius, coherence):
    """Returns what `refine` does, pixel by pixel."""
    height, width, _ = layout.shape
    rows, columns = size
    mean, components = np.asarray(basis.mean), np.asarray(basis.components)
    found, distances = np.zeros((height, width), int), np.zeros((height, width))

    def number(row, column):
        return min(max(row, 3), rows - 4) * columns + min(max(column, 3), columns - 4)

    for i in range(height):
        for j in range(width):
            y, x = corner[0] + i, corner[1] + j
            row, column = y - box[0], x - box[1]
            if 3 <= row < rows - 3 and 3 <= column < columns - 3:
                found[i, j] = row * columns + column
                continue
            patch = image[i : i + 7, j : j + 7] - mean
            wanted = np.append([(patch * components[..., one]).sum() for one in range(COMPONENTS)], layout[i, j])

            def suggested(dy, dx, i=i, j=j):
                there = matches[4 + i + dy, 4 + j + dx]
                return NONE if there < 0 else number(there // columns - dy, there % columns - dx)

            beside = [suggested(*side) for side in ((0, 1), (0, -1), (1, 0), (-1, 0))]

            def rated(tried, wanted=wanted, beside=beside):
                if tried < 0:
                    return np.inf, np.inf
                distance = np.square(features[tried] - wanted).sum()
                return (distance + 1e-6) * (1 - coherence * beside.count(tried) / 4), distance

            best = suggested(0, 0)
            for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0), (0, 4), (0, -4), (4, 0), (-4, 0)):
                if rated(suggested(dy, dx))[0] < rated(best)[0]:
                    best = suggested(dy, dx)
            bits = jax.random.key_data(jax.random.fold_in(jax.random.fold_in(key, y), x))
            for one in range(3):
                away = [round(((int(b) >> (10 * one)) % 1024 / 511.5 - 1) * max(radius / 3**one, 1)) for b in bits]
                tried = number(best // columns + away[0], best % columns + away[1])
                if rated(tried)[0] < rated(best)[0]:
                    best = tried
            found[i, j], distances[i, j] = best, rated(best)[1]
    return found, distances


@pytest.mark.parametrize("tile", [(64, 256), (13, 15), (5, 4)])
def test_features_are_the_same_whatever_the_tiles(tile):
    photo, of_photo = noise(13, 15), noise(13, 15, 4, seed=1)
    basis = basis_of(photo)
    found = features_of(photo, of_photo, basis, 200, tile)
    around = np.pad(photo, ((3, 3), (3, 3), (0, 0)), mode="edge")
    expected = np.concatenate([patch_features(around, basis), of_photo], axis=-1).reshape(13 * 15, -1)
    np.testing.assert_allclose(found[: 13 * 15], expected, atol=1e-6)
    assert not found[13 * 15 :].any()


@pytest.mark.parametrize("corner", [(0, 0), (3, 10)])
def test_refining_is_what_loops_do(corner):
    photo, box = noise(13, 15), np.array((4, 6, 13, 15), np.int32)
    basis, of_photo = basis_of(photo), 0.1 * noise(13, 15, 4, seed=1)
    features = features_of(photo, of_photo, basis, padded_length(13 * 15), (8, 8))
    tile, rng = (7, 9), np.random.default_rng(3)
    image, layout = noise(13, 15, seed=4), 0.1 * noise(7, 9, 4, seed=5)
    matches = (rng.integers(3, 10, (15, 17)) * 15 + rng.integers(3, 12, (15, 17))).astype(np.int32)
    matches[:3], matches[5:8, 5:9] = NONE, 5 * 15 + 5 + np.arange(4)
    size = np.array((13, 15), np.int32)
    arguments = image, layout, matches, features, size, basis, box, np.array(corner, np.int32), KEY
    found, distances = refine(*arguments, np.float32(6.0), np.float32(0.6))
    expected, away = refined_by_loops(
        image, layout, matches, np.asarray(features), (13, 15), basis, box, corner, KEY, 6.0, 0.6
    )
    assert found.shape == tile
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(distances, away, atol=1e-5)


# --- Voting ---


def voted_by_loops(matches, distances, photo, box, corner, spread, doubt):
    """Returns colors and what they lack, of the tile that 4 pixels of `matches` surround."""
    rows, columns, _ = photo.shape
    height, width = matches.shape

    def weight(i, j):
        y, x = corner[0] - 4 + i, corner[1] - 4 + j
        away = np.hypot(max(box[0] - y, y - box[0] - rows + 1, 0), max(box[1] - x, x - box[1] - columns + 1, 0))
        return 0.0 if matches[i, j] < 0 else np.exp(-distances[i, j] / spread - doubt * away)

    def mean(i, j, value):
        """Returns the mean of `value` at the photograph's (row, column) over what is said of a pixel, None for none."""
        total, count = 0.0, 0.0
        for dy in range(-3, 4):
            for dx in range(-3, 4):
                row, column = divmod(int(matches[i + dy, j + dx]), columns)
                said = value(row - dy, column - dx) if matches[i + dy, j + dx] >= 0 else None
                if said is not None:
                    total, count = total + weight(i + dy, j + dx) * said, count + weight(i + dy, j + dx)
        return total / count if count else None

    def color(i, j):
        row, column = corner[0] - 4 + i - box[0], corner[1] - 4 + j - box[1]
        inside = 0 <= row < rows and 0 <= column < columns
        return photo[row, column] if inside else mean(i, j, lambda row, column: photo[row, column])

    def lacks(i, j, dy, dx):
        """Returns what the step from a pixel to the one beside it lacks."""
        step = mean(
            i, j, lambda r, c: photo[r + dy, c + dx] - photo[r, c] if r + dy < rows and c + dx < columns else None
        )
        one, other = color(i, j), color(i + dy, j + dx)
        return 0.0 if step is None or one is None or other is None else step - (other - one)

    colors, lacking = np.zeros((height - 8, width - 8, 3)), np.zeros((height - 8, width - 8, 3))
    for i in range(4, height - 4):
        for j in range(4, width - 4):
            colors[i - 4, j - 4] = color(i, j)
            lacking[i - 4, j - 4] = (
                lacks(i, j - 1, 0, 1) - lacks(i, j, 0, 1) + lacks(i - 1, j, 1, 0) - lacks(i, j, 1, 0)
            )
    return colors, lacking


def test_voting_is_what_loops_do():
    photo, box, corner = noise(12, 14), np.array((3, 5, 12, 14), np.int32), (0, 2)
    rng = np.random.default_rng(1)
    matches = (rng.integers(3, 9, (13, 16)) * 14 + rng.integers(3, 11, (13, 16))).astype(np.int32)
    matches[:4] = NONE  # beyond the canvas
    matches[6:9, 4:9] = 4 * 14 + 5 + np.arange(5)  # pieces that go on
    distances = rng.random((13, 16), np.float32)
    photo = photo.astype(np.float16).astype(np.float32)
    source = make_source(photo, padded_length(12 * 14))
    weights = np.float32(0.3), np.float32(0.2)
    expected, expected_lack = voted_by_loops(matches, distances, photo, box, corner, *weights)
    colors, lacking = vote_with_steps(matches, distances, source, box, np.array(corner, np.int32), *weights)
    np.testing.assert_allclose(colors, expected, atol=1e-5)
    np.testing.assert_allclose(lacking, expected_lack, atol=1e-5)
    inner = matches[1:-1, 1:-1], distances[1:-1, 1:-1]
    np.testing.assert_array_equal(vote(*inner, source, box, np.array(corner, np.int32), *weights), colors)


def test_leveling_is_what_loops_do():
    canvas, box, corner, tile = (20, 24), (6, 0, 9, 11), (4, 6), (5, 7)
    shift, lacking = noise(20, 24, seed=1) - 0.5, 0.2 * (noise(20, 24, seed=2) - 0.5)
    expected = shift.copy()
    known = np.zeros(canvas, bool)
    known[6:15, 0:11] = True
    expected[known] = 0
    for _ in range(SWEEPS):
        before = expected.copy()
        for row in range(20):
            for column in range(24):
                beside = [(row + a, column + b) for a, b in ((0, 1), (0, -1), (1, 0), (-1, 0))]
                beside = [before[a, b] for a, b in beside if 0 <= a < 20 and 0 <= b < 24]
                new = (sum(beside) + lacking[row, column]) / (len(beside) + 0.3)
                expected[row, column] = 0 if known[row, column] else np.clip(new, -0.2, 0.2)
    cuts = [cut(one, corner, tile, SWEEPS, 0.0) for one in (shift, lacking)]
    places = [np.array(one, np.int32) for one in (canvas, box, corner)]
    found = level_tones(*cuts, *places, np.float32(0.3), np.float32(0.2))
    np.testing.assert_allclose(found, expected[4:9, 6:13], atol=1e-6)


def test_leading_makes_good_a_share_of_what_lacks():
    guide, box = noise(30, 34, seed=1), Box(8, 0, 14, 20)
    canvas = noise(30, 34, seed=2)
    canvas[8:22, :20] = np.linspace(0, 1, 20)[:, None] * np.array((1.0, 0.05, 0.0))
    found = lead_tones(canvas, guide, box, 0.5, 4.0)
    assert found.dtype == np.float32
    blurred = np.stack([gaussian_filter(canvas[8:22, :20, c], 14 / 4, mode="reflect") for c in range(3)], axis=-1)
    for row in range(30):
        for column in range(34):
            away = np.hypot(max(8 - row, row - 21, 0), max(column - 19, 0))
            for channel in range(3):
                most = blurred[..., channel].std()
                lacking = 0.5 * (1 - np.exp(-away / 4)) * (guide - canvas)[row, column, channel]
                np.testing.assert_allclose(found[row, column, channel], np.clip(lacking, -most, most), atol=1e-6)
    assert (found[8:22, :20] == 0).all()
    assert np.abs(found[..., 1]).max() < 0.02
    assert (found[..., 2] == 0).all()


# --- The layout ---


def test_layout_knows_the_guide_and_the_height():
    photo = np.linspace(0, 1, 24, dtype=np.float32)[:, None, None] * np.ones((24, 30, 3), np.float32)
    guide = noise(40, 44)
    level = Level(1, (40, 44), Box(8, 7, 24, 30))
    layout = Layout(photo, guide, (0.3,), 2.0)
    of_photo, of_canvas = layout.at(0, level)
    np.testing.assert_allclose(
        of_photo[..., :3], gaussian_filter(photo, (2, 2, 0), mode="nearest") * np.sqrt(0.1), atol=1e-6
    )
    here = of_canvas((5, 3), (30, 9))
    smooth = gaussian_filter(guide, (1, 1, 0), mode="nearest")
    np.testing.assert_allclose(here[..., :3], smooth[5:35, 3:12] * np.sqrt(0.1), atol=1e-6)
    rows = of_photo[:, 0, 3]
    assert rows[0] == 0
    assert np.diff(rows) == pytest.approx(np.sqrt(2.0 * photo.mean(axis=1).var(axis=0).sum()) / 24, rel=1e-5)
    np.testing.assert_allclose(here[:3, 0, 3], rows[0])  # above the photograph
    np.testing.assert_allclose(here[3:27, 0, 3], rows)
    np.testing.assert_allclose(here[27:, 4, 3], rows[-1])  # below
    of_photo, of_canvas = layout.at(1, Level(0, (80, 88), Box(16, 14, 48, 60)))
    assert not of_photo[..., :3].any()
    assert not of_canvas((0, 0), (9, 9))[..., :3].any()
    assert of_photo[-1, 0, 3] == pytest.approx(rows[-1] * 47 / 46, rel=1e-5)


def test_textures_have_no_height():
    """Where rows do not differ it does not count where a patch comes from."""
    layout = Layout(np.tile(noise(1, 24), (24, 1, 1)), noise(30, 30), (0.1,), 3.0)
    assert layout.at(0, Level(0, (30, 30), Box(3, 3, 24, 24)))[0][..., 3].max() < 1e-6


# --- The start ---


def laid_out_by_loops(photo, of_photo, of_canvas, canvas, box, key, chance):
    """Returns what `laid_out` does, block by block and candidate by candidate; the photograph is 24 pixels high."""
    cell, overlap = 8, 2
    side = cell + 2 * overlap
    rows, columns = photo.shape[0] - side + 1, photo.shape[1] - side + 1
    found = np.full((*canvas, 3), np.nan)
    found[box.top : box.top + box.height, box.left : box.left + box.width] = photo
    corners = [(row, column) for row in range(0, canvas[0], cell) for column in range(0, canvas[1], cell)]
    corners = [(y, x) for y, x in corners if np.isnan(found[y : y + cell, x : x + cell]).any()]

    def away(corner):
        y, x = corner
        down = max(box.top - y - cell, y - box.top - box.height, 0)
        return np.hypot(down, max(box.left - x - cell, x - box.left - box.width, 0))

    used = np.zeros((rows, columns))
    chances = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    for y, x in sorted(corners, key=away):
        luck = chances.random((rows, columns), np.float32)
        wanted, costs = of_canvas((y - overlap, x - overlap), (side, side)), np.zeros((rows, columns))
        for row in range(rows):
            for column in range(columns):
                block, differences = photo[row : row + side, column : column + side], []
                for i in range(side):
                    for j in range(side):
                        at = y - overlap + i, x - overlap + j
                        if 0 <= at[0] < canvas[0] and 0 <= at[1] < canvas[1] and not np.isnan(found[at][0]):
                            differences += list((block[i, j] - found[at]) ** 2)
                layout = [
                    np.square(of_photo[row + i, column + j] - wanted[i, j]).sum()
                    for i in (0, 4, 7, 11)
                    for j in (0, 4, 7, 11)
                ]
                by_chance = chance * (luck[row, column] + used[row, column])
                costs[row, column] = np.mean(differences or [0.0]) + np.mean(layout) + by_chance
        row, column = divmod(int(costs.argmin()), columns)
        used[max(0, row - 4) : row + 5, max(0, column - 4) : column + 5] += 1
        for i in range(cell):
            for j in range(cell):
                if y + i < canvas[0] and x + j < canvas[1] and np.isnan(found[y + i, x + j][0]):
                    found[y + i, x + j] = photo[row + overlap + i, column + overlap + j]
    return found


def test_the_start_is_what_loops_lay():
    photo, box, canvas = gaussian_filter(noise(24, 26), (1, 1, 0)), Box(6, 5, 24, 26), (33, 38)
    of_photo, whole = 0.3 * noise(24, 26, 4, seed=1), 0.3 * noise(60, 60, 4, seed=2)

    def of_canvas(corner: tuple[int, int], tile: tuple[int, int]) -> np.ndarray:
        return whole[corner[0] + 10 : corner[0] + 10 + tile[0], corner[1] + 10 : corner[1] + 10 + tile[1]]

    arguments = photo, of_photo, of_canvas, canvas, box, KEY, 0.01
    np.testing.assert_array_equal(laid_out(*arguments), laid_out_by_loops(*arguments).astype(np.float32))


# --- What must hold of the whole ---


def textured(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Returns a photograph of sorts: a bright upper part over a rough lower one."""
    rough = gaussian_filter(noise(height, width, seed=seed), (1, 1, 0))
    rough = 0.3 + 0.8 * (rough - 0.5) * (np.arange(height) > height // 2)[:, None, None]
    bright = 0.4 * (np.arange(height) <= height // 2)[:, None, None]
    return (255 * (rough + bright).clip(0, 1)).astype(np.uint8)


@pytest.fixture(scope="module")
def generator() -> Generator:
    return tiny_generator(SRN((2, 2), width=4), (8, 12), (16, 24))


@pytest.mark.slow
def test_one_key_one_picture_whatever_the_tiles():
    photo, margins = textured(45, 60), (13, 9, 20, 31)
    one = made(photo, margins, settings=QUICK_DETAIL)
    np.testing.assert_array_equal(made(photo, margins, tile=(31, 200), settings=QUICK_DETAIL), one)
    other = made(photo, margins, seed=1, settings=QUICK_DETAIL)
    unknown = np.ones(one.shape[:2], bool)
    unknown[13:58, 20:80] = False
    assert (other != one).any(axis=-1)[unknown].mean() > 0.2
    np.testing.assert_allclose(one[13:58, 20:80], photo / np.float32(255), atol=1e-6)


def test_a_flat_photograph_stays_flat():
    photo = np.full((44, 50, 3), (10, 130, 250), np.uint8)
    np.testing.assert_allclose(
        made(photo, (20, 15, 30, 40)), np.broadcast_to(photo[0, 0] / 255, (79, 120, 3)), atol=5e-4
    )


@pytest.mark.slow
def test_a_ramp_stays_smooth():
    """No step is larger than a few of the ramp's own, on any side, nor at the border."""
    ramp = (0.2 + 0.6 * np.arange(64) / 63).astype(np.float32)[None, :, None] * np.ones((48, 1, 3), np.float32)
    canvas = made(ramp, (16, 16, 40, 40))
    step = 0.6 / 63
    assert np.abs(np.diff(canvas, axis=1)).max() < 4 * step
    assert np.abs(np.diff(canvas, axis=0)).max() < 4 * step


@pytest.mark.parametrize("axis", slow_but([1], [0, 1]))
def test_stripes_go_on_in_phase(axis):
    period = 12
    across = (np.arange(96) % period < period // 2).astype(np.float32)
    stripes = (0.2 + 0.6 * across)[:, None, None] * np.ones((96, 96, 3), np.float32)
    stripes, margins = (stripes, (0, 0, 48, 48)) if axis == 0 else (stripes.transpose(1, 0, 2), (48, 48, 0, 0))
    canvas = made(stripes, margins)  # along the stripes
    expected = (
        np.broadcast_to(stripes[:, :1], canvas.shape) if axis == 0 else np.broadcast_to(stripes[:1], canvas.shape)
    )
    assert np.abs(canvas - expected).mean() < 0.01
    margins = (48, 48, 0, 0) if axis == 0 else (0, 0, 48, 48)
    canvas = made(stripes, margins)  # across them
    across = ((np.arange(192) - 48) % period < period // 2).astype(np.float32)
    expected = (0.2 + 0.6 * across)[:, None, None] * np.ones((192, 96, 3), np.float32)
    expected = expected if axis == 0 else expected.transpose(1, 0, 2)
    assert np.abs(canvas - expected).mean() < 0.02


def test_bricks_go_on_in_phase():
    rows, columns = np.mgrid[:192, :192]
    course = (rows - 48) // 12
    mortar = ((rows - 48) % 12 < 2) | ((columns - 48 + 12 * (course % 2)) % 24 < 2)
    wall = np.where(mortar, 0.8, 0.3).astype(np.float32)[..., None] * np.array((1.0, 0.6, 0.5), np.float32)
    canvas = made(wall[48:144, 48:144], (48, 48, 48, 48))
    assert np.abs(canvas - wall).mean() < 0.06  # where courses or joints are out of phase it is 0.15


def test_colors_stay_within_the_photographs_range_and_the_bias():
    photo = textured(48, 60, seed=3) // 2 + 40
    canvas = made(photo, (20, 20, 30, 30))
    bound = DEFAULT.bound + 1e-3
    assert canvas.min() >= photo.min() / 255 - bound
    assert canvas.max() <= photo.max() / 255 + bound


@pytest.mark.slow
def test_another_setting_is_another_picture():
    photo, margins = textured(24, 30), (4, 4, 16, 16)
    one = made(photo, margins, settings=QUICK_DETAIL)
    for other in ({"coherence": 0.0}, {"nearness": 3.0}, {"bound": 0.0}, {"lead": 0.0}, {"rows": 30.0}):
        assert (made(photo, margins, settings=replace(QUICK_DETAIL, **other)) != one).any(), other


@pytest.mark.slow
def test_progress_is_called_as_often_as_told():
    photo, margins = textured(85, 81), (13, 9, 20, 31)
    for settings in (QUICK_DETAIL, replace(QUICK_DETAIL, searches=3, refinements=(0, 2), pairs=3e7)):
        calls: list[int] = []
        made(photo, margins, settings=settings, progress=lambda: calls.append(1))  # noqa: B023
        assert len(calls) == work_of(plan_levels((85, 81), margins), settings, TILE)


def test_memory_of_the_programs_is_a_tiles():
    """What a program needs besides its arguments does not grow with the photograph, and no argument with the canvas."""
    temporary = []
    for pixels in (40_000, 640_000):
        source = make_source(noise(200, pixels // 200), padded_length(pixels))
        tile = jnp.zeros((72, 264), jnp.int32), jnp.zeros((72, 264))
        numbers = np.zeros(4, np.int32), np.zeros(2, np.int32), np.float32(1), np.float32(1)
        compiled = vote_with_steps.lower(*tile, source, *numbers).compile()
        memory: Any = compiled.memory_analysis()
        temporary.append((memory.temp_size_in_bytes, memory.argument_size_in_bytes / padded_length(pixels)))
    assert temporary[0][0] == pytest.approx(temporary[1][0], rel=0.05)
    assert temporary[1][1] < 7  # bytes a pixel of the photograph: three of float16, and the tile


# --- `expand` ---


@pytest.mark.parametrize("dtype", slow_but([np.float32], [np.uint8, np.float32]))
def test_expand_keeps_the_photograph_and_takes_its_texture(quick_detail, generator, dtype):
    photo = textured(50, 66)
    photo = photo if dtype == np.uint8 else (photo / 255).astype(np.float32)
    widen = partial(srn_jax.expand, generator, photo, top=11, left=23, right=30)
    canvas = widen()
    assert (canvas.shape, canvas.dtype) == ((61, 119, 3), dtype)
    np.testing.assert_array_equal(canvas[11:, 23:89], photo)
    np.testing.assert_array_equal(widen(seed=0), canvas)
    assert (widen(seed=1) != canvas).any()
    assert (widen(detail=False) != canvas).any()
    made, real = (np.abs(np.diff(one[35:, :23].astype(np.float32), axis=1)).mean() for one in (canvas, photo))
    assert made > 0.2 * real  # noise is the hardest texture to keep, and the guide is noise as well


@pytest.mark.parametrize("size", [(LEAST_SIDE - 1, 90), (90, LEAST_SIDE - 1), (1, 1)])
def test_small_photographs_go_without(generator, size):
    photo = np.uint8(255 * noise(*size))
    assert plan_detail(size, Sides(3, 0, 0, 4)) is None
    np.testing.assert_array_equal(
        srn_jax.expand(generator, photo, top=3, right=4), srn_jax.expand(generator, photo, top=3, right=4, detail=False)
    )


def test_the_smallest_photograph_that_has_detail(quick_detail, generator):
    photo = np.uint8(255 * noise(LEAST_SIDE, LEAST_SIDE))
    canvas = srn_jax.expand(generator, photo, top=40, bottom=1, left=0, right=97)
    assert canvas.shape == (LEAST_SIDE + 41, LEAST_SIDE + 97, 3)


def test_beyond_the_budget_expand_enlarges(quick_detail, generator, monkeypatch):
    monkeypatch.setattr("srn_jax.detail.pyramid.PAINTED_BUDGET", 3000)
    photo = textured(80, 90)
    assert plan_levels((80, 90), (20, 20, 41, 41)).levels[-1].halvings == 1
    canvas = srn_jax.expand(generator, photo, top=20, bottom=20, left=41, right=41)
    assert canvas.shape == (120, 172, 3)
    np.testing.assert_array_equal(canvas[20:100, 41:131], photo)


def test_expand_tells_of_passes_and_tiles(quick_detail, generator):
    told = []
    srn_jax.expand(generator, textured(45, 60), left=80, progress=lambda *numbers: told.append(numbers))
    done, of = zip(*told, strict=True)
    assert len(set(of)) == 1
    assert done[-1] == of[0]
    assert (np.diff(done) > 0).all()


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_out_of_range_is_refused(generator, seed):
    with pytest.raises(InputError, match=rf"seed is {seed}; it takes a whole number, 0 to 4294967295"):
        srn_jax.expand(generator, textured(45, 60), left=5, seed=seed)


@pytest.mark.slow
def test_detail_is_made_on_the_device_that_is_set(monkeypatch):
    used, device = set(), jax.local_devices()[2]

    def noted(function):
        def call(*given):
            made = function(*given)
            used.update(*(leaf.devices() for leaf in jax.tree.leaves(made)))
            return made

        return call

    stage = sys.modules["srn_jax.detail.stage"]
    for name in ("search_all", "refine", "vote", "vote_with_steps", "level_tones"):
        monkeypatch.setattr(stage, name, noted(getattr(stage, name)))
    photo = textured(45, 60)
    elsewhere = made(photo, (20, 20, 41, 41), settings=QUICK_DETAIL)
    assert used == {jax.local_devices()[0]}
    used.clear()
    with jax.default_device(device):
        here = made(photo, (20, 20, 41, 41), settings=QUICK_DETAIL)
    assert used == {device}
    np.testing.assert_array_equal(here, elsewhere)
