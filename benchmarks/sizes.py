"""The sizes that a contest's networks work on."""

from typing import NamedTuple

import numpy as np


class Sizes(NamedTuple):
    """`canvas` is (height, width), half of it each way known; `width` is n."""

    width: int
    batch: int
    canvas: tuple[int, int]
    dtype: str

    @property
    def known(self) -> tuple[int, int]:
        """The known window's size."""
        return self.canvas[0] // 2, self.canvas[1] // 2

    @property
    def corner(self) -> tuple[int, int]:
        """The known window's (top, left)."""
        return self.canvas[0] // 4, self.canvas[1] // 4

    def precision(self, platform: str) -> str:
        """Returns what networks compute in on a platform: GPUs round the factors of float32 convolutions to TF32."""
        return "tf32" if self.dtype == "float32" and platform != "cpu" else self.dtype

    def mask(self) -> np.ndarray:
        """Returns the filling mask, [1, H, W, 1], known in the center."""
        (top, left), (height, width) = self.corner, self.known
        mask = np.ones((1, *self.canvas, 1), np.float32)
        mask[:, top : top + height, left : left + width] = 0.0
        return mask
