"""Layout: what lies where. The guide's colors, and the height at which things are seen, as numbers beside a patch's."""

import math
from collections.abc import Callable

import numpy as np
import scipy  # whose ndimage is imported where it is first used
from jaxtyping import Float

from srn_jax.detail.pyramid import Level
from srn_jax.detail.tiles import Corner, cut, magnified
from srn_jax.geometry import Size

OfCanvas = Callable[[Corner, Size], Float[np.ndarray, "h w 4"]]
_GUIDE_BLUR, _PHOTO_BLUR = 1.0, 2.0  # pixels of the coarsest level: the guide is softer already


class Layout:
    """Layout of the photograph and of the canvas, level by level, each number scaled to count as it should."""

    def __init__(
        self,
        photo: Float[np.ndarray, "h w 3"],
        guide: Float[np.ndarray, "ch cw 3"],
        guide_weights: tuple[float, ...],
        row_weight: float,
    ) -> None:
        """Takes the photograph and the guide at the coarsest level.

        Args:
          guide_weights: how much a squared difference to the guide counts, from this level on, none beyond.
          row_weight: how much it counts to come from another height; times the share of the photograph's variance
            that its rows explain, so that it holds in landscapes and not in textures.
        """
        self._weights, self._unit = guide_weights, min(photo.shape[:2])
        self._photo = scipy.ndimage.gaussian_filter(photo, (_PHOTO_BLUR, _PHOTO_BLUR, 0), mode="nearest")
        self._guide = scipy.ndimage.gaussian_filter(guide, (_GUIDE_BLUR, _GUIDE_BLUR, 0), mode="nearest")
        self._row_scale = math.sqrt(row_weight * float(photo.mean(axis=1, dtype=np.float64).var(axis=0).sum()))

    def at(self, number: int, level: Level) -> tuple[Float[np.ndarray, "h w 4"], OfCanvas]:
        """Returns the layout of the photograph at the `number`-th level, and a function that cuts tiles of the canvas'.

        Levels come in order, each once.
        """
        box, scale = level.box, self._row_scale / (self._unit * 2**number)
        size = (box.height, box.width)
        weight = math.sqrt(self._weights[number] / 3) if number < len(self._weights) else 0.0
        if number and weight:
            self._photo = magnified(self._photo, 1, (0, 0), size)
            self._guide = magnified(self._guide, 1, (0, 0), level.canvas)
        rows = np.broadcast_to((np.arange(box.height) * scale)[:, None, None], (*size, 1))
        colors = self._photo * weight if weight else np.zeros((*size, 3))
        guide = self._guide * np.float32(weight) if weight else None

        def of_canvas(corner: Corner, tile: Size) -> Float[np.ndarray, "h w 4"]:
            found = np.zeros((*tile, 4), np.float32)
            if guide is not None:
                found[..., :3] = cut(guide, corner, tile, 0, None)
            # What lies above the photograph is likest to what is at its top, and so below.
            row = (corner[0] + np.arange(tile[0]) - box.top).clip(0, box.height - 1)
            found[..., 3] = (row * scale)[:, None]
            return found

        return np.concatenate([colors, rows], axis=-1).astype(np.float32), of_canvas
