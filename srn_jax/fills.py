"""The fills that need no learning, which every table compares with: [h, w, 3] and a mask -> the canvas."""

from collections.abc import Callable
from functools import partial

import numpy as np
from jaxtyping import Float, UInt8


def _pad(image: UInt8[np.ndarray, "h w 3"], mask: Float[np.ndarray, "h w 1"], *, mode) -> UInt8[np.ndarray, "h w 3"]:
    known = mask[..., 0] < 0.5
    rows, columns = np.flatnonzero(known.any(axis=1)), np.flatnonzero(known.any(axis=0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    margins = ((top, mask.shape[0] - bottom), (left, mask.shape[1] - right), (0, 0))
    return np.pad(image[top:bottom, left:right], margins, mode=mode)


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
