"""Windows on canvases against slices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from srn_jax import geometry

CANVAS, KNOWN = (7, 11), (3, 4)
OFFSETS = np.array([[1, 6], [4, 0], [0, 7]], np.int32)


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def windows(offsets: np.ndarray) -> np.ndarray:
    masks = np.ones((len(offsets), *CANVAS, 1), np.float32)
    for mask, (top, left) in zip(masks, offsets, strict=True):
        mask[top : top + KNOWN[0], left : left + KNOWN[1]] = 0
    return masks


def test_unknown_mask_and_known_offset_undo_each_other():
    mask = jax.jit(geometry.unknown_mask, static_argnums=(1, 2))(OFFSETS, CANVAS, KNOWN)
    assert mask.dtype == jnp.float32
    np.testing.assert_array_equal(mask, windows(OFFSETS))
    np.testing.assert_array_equal(geometry.known_offset(mask), OFFSETS)


def test_known_offset_where_nothing_is_known():
    np.testing.assert_array_equal(geometry.known_offset(jnp.ones((2, 5, 6, 1))), [[0, 0], [0, 0]])


@pytest.mark.parametrize("offsets", [OFFSETS[:1], OFFSETS])
def test_crop_equals_slices(offsets):
    image = normal(3, *CANVAS, 2)
    result = jax.jit(geometry.crop, static_argnums=2)(image, jnp.asarray(offsets), KNOWN)
    for b in range(3):
        top, left = offsets[b % len(offsets)]
        np.testing.assert_array_equal(result[b], image[b, top : top + KNOWN[0], left : left + KNOWN[1]])


@pytest.mark.parametrize("masks", [1, 3])
def test_known_canvas_zeroes_whatever_lies_under_the_mask(masks):
    mask, image = windows(OFFSETS)[:masks], normal(3, *CANVAS, 2)
    expected = np.where(mask == 1, 0, image)
    image[np.broadcast_to(mask == 1, image.shape)] = np.nan
    np.testing.assert_array_equal(geometry.known_canvas(jnp.asarray(image), jnp.asarray(mask)), expected)


@pytest.mark.parametrize("masks", [1, 3])
def test_complete_takes_the_prediction_under_the_mask_only(masks):
    mask, prediction, image = windows(OFFSETS)[:masks], normal(3, *CANVAS, 2), 5 + normal(3, *CANVAS, 2)
    result = geometry.complete(jnp.asarray(prediction), jnp.asarray(image), jnp.asarray(mask))
    for b, i, j in np.ndindex(3, *CANVAS):
        source = prediction if mask[b % masks, i, j, 0] == 1 else image
        np.testing.assert_array_equal(result[b, i, j], source[b, i, j])


def test_complete_lets_nothing_through_from_the_other_side():
    mask = windows(OFFSETS)
    unknown = np.broadcast_to(mask == 1, (3, *CANVAS, 2))
    prediction, image = np.where(unknown, 2, np.nan), np.where(unknown, np.nan, 3)
    result = geometry.complete(jnp.asarray(prediction, jnp.float32), jnp.asarray(image, jnp.float32), jnp.asarray(mask))
    np.testing.assert_array_equal(result, np.where(unknown, 2, 3))


def draw(placement: str, count: int, canvas: geometry.Size) -> np.ndarray:
    keys = jax.random.split(jax.random.key(0), count)
    return np.asarray(jax.jit(geometry.draw_offsets, static_argnums=(0, 2, 3))(placement, keys, canvas, KNOWN))


@pytest.mark.parametrize(
    ("placement", "canvas", "offset"),
    [
        ("center", (7, 11), (2, 3)),
        ("center", (8, 4), (2, 0)),
        ("top", (7, 11), (0, 3)),
        ("top", (6, 4), (0, 0)),
        ("random", KNOWN, (0, 0)),
    ],
)
def test_placements_place_the_window(placement, canvas, offset):
    np.testing.assert_array_equal(draw(placement, 3, canvas), [offset] * 3)


def test_a_random_placement_reaches_both_ends_and_every_place_between():
    places = {tuple(offset) for offset in draw("random", 300, (5, 7)).tolist()}
    assert places == {(top, left) for top in range(3) for left in range(4)}


def test_distance_to_known_is_that_of_the_nearest_known_pixel():
    masks = np.ones((2, 6, 9, 1), np.float32)
    masks[0, 1:3, 4:7] = 0
    distances = geometry.distance_to_known(jnp.asarray(masks))
    for i, j in np.ndindex(6, 9):
        nearest = min(np.hypot(i - k, j - m) for k, m in np.argwhere(masks[0, ..., 0] == 0))
        assert float(distances[0, i, j, 0]) == pytest.approx(nearest, rel=1e-6)
    assert np.isinf(distances[1]).all()


@pytest.mark.parametrize(("corner", "known", "gap"), [((3, 5), (4, 6), 0), ((0, 0), (8, 4), 8), ((2, 1), (1, 1), 0)])
def test_a_mask_on_the_host_is_that_of_the_device(corner, known, gap):
    found = geometry.host_mask(corner, (8, 12), known, gap)
    there = geometry.unknown_mask(jnp.array([corner]), (8, 12), known, gap)
    np.testing.assert_array_equal(found, np.asarray(there)[0, ..., 0] == 1)
