"""The fills that need no learning, which every table compares with: [h, w, 3] and a mask -> the canvas.

What is known is one rectangle, or two in the same rows.
"""

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt8


def _pad(image: UInt8[np.ndarray, "h w 3"], mask: Float[np.ndarray, "h w 1"], *, mode) -> UInt8[np.ndarray, "h w 3"]:
    known = mask[..., 0] < 0.5
    rows = _padded(np.flatnonzero(known.any(axis=1)), known.shape[0], mode)
    columns = _padded(np.flatnonzero(known.any(axis=0)), known.shape[1], mode)
    return image[rows[:, None], columns[None, :]]


def _padded(places: Int[np.ndarray, " k"], length: int, mode: Any) -> Int[np.ndarray, " n"]:
    """Returns which of the known places each one takes after; stretches of them go on up to the middle between."""
    stretches = np.split(places, np.flatnonzero(np.diff(places) > 1) + 1)
    middles = [(one[-1] + other[0]) // 2 + 1 for one, other in itertools.pairwise(stretches)]
    starts, ends = [0, *middles], [*middles, length]
    padded = [
        np.pad(one, (one[0] - start, end - one[-1] - 1), mode=mode)
        for one, start, end in zip(stretches, starts, ends, strict=True)
    ]
    return np.concatenate(padded)


def fill_mean(image: UInt8[np.ndarray, "h w 3"], mask: Float[np.ndarray, "h w 1"]) -> UInt8[np.ndarray, "h w 3"]:
    """Returns the known picture's mean colour everywhere beyond it."""
    known = mask[..., 0] < 0.5
    color = np.round(image[known].mean(axis=0)).astype(np.uint8)
    return np.where(known[..., None], image, color)


def fill_telea(image: UInt8[np.ndarray, "h w 3"], mask: Float[np.ndarray, "h w 1"]) -> UInt8[np.ndarray, "h w 3"]:
    """Returns OpenCV's inpainting by the fast marching method (Telea, 2004), radius 3."""
    import cv2  # here, since it takes as long to import as all else

    return np.asarray(cv2.inpaint(image, (mask > 0.5).astype(np.uint8), 3, cv2.INPAINT_TELEA))


FILLS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "mean fill": fill_mean,
    "edge replication": partial(_pad, mode="edge"),
    "mirror fill": partial(_pad, mode="symmetric"),
}
SLOW_FILLS = {"Telea": fill_telea}  # for evaluations, not for each training's report
