"""Fills against np.pad of the known window."""

import numpy as np
import pytest

from srn_jax.evaluate.fills import FILLS, SLOW_FILLS

TOP, BOTTOM, LEFT, RIGHT = 2, 6, 5, 8  # the known window on a canvas of 9 x 17: mirrored more than once to the right


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (9, 17, 3), dtype=np.uint8)


@pytest.fixture
def mask() -> np.ndarray:
    mask = np.ones((9, 17, 1), np.float32)
    mask[TOP:BOTTOM, LEFT:RIGHT] = 0
    return mask


@pytest.mark.parametrize(("name", "mode"), [("edge replication", "edge"), ("mirror fill", "symmetric")])
def test_padding_fills_equal_np_pad(name, mode, image, mask):
    margins = ((TOP, 9 - BOTTOM), (LEFT, 17 - RIGHT), (0, 0))
    expected = np.pad(image[TOP:BOTTOM, LEFT:RIGHT], margins, mode=mode)
    np.testing.assert_array_equal(FILLS[name](image, mask), expected)


def test_mean_fill_is_the_known_colour_rounded(image, mask):
    expected = image.copy()
    for i, j in zip(*np.nonzero(mask[..., 0]), strict=True):
        for k in range(3):
            expected[i, j, k] = round(image[TOP:BOTTOM, LEFT:RIGHT, k].mean())
    np.testing.assert_array_equal(FILLS["mean fill"](image, mask), expected)


@pytest.mark.parametrize("name", FILLS | SLOW_FILLS)
def test_fills_keep_known_pixels_and_never_look_under_the_mask(name, image, mask):
    filled = (FILLS | SLOW_FILLS)[name](image, mask)
    assert filled.dtype == np.uint8
    np.testing.assert_array_equal(filled[TOP:BOTTOM, LEFT:RIGHT], image[TOP:BOTTOM, LEFT:RIGHT])
    changed = np.where(mask == 1, 255 - image, image)
    np.testing.assert_array_equal((FILLS | SLOW_FILLS)[name](changed, mask), filled)
    assert not np.array_equal(filled, image)


@pytest.mark.parametrize("name", FILLS)
def test_fills_of_a_picture_that_is_all_known(name, image):
    np.testing.assert_array_equal(FILLS[name](image, np.zeros((9, 17, 1), np.float32)), image)
