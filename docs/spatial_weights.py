"""Draws docs/spatial_weights.png, where each reconstruction loss looks: `python -m docs.spatial_weights`."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np

from srn_jax.evaluate.sheets import contact_sheet
from srn_jax.geometry import unknown_mask
from srn_jax.losses.spatial import SPATIAL_WEIGHTS
from srn_jax.pictures.arrays import write_png

CANVAS, KNOWN = (256, 256), (128, 128)
PLACES = [(64, 64), (128, 20)]  # in the middle, and at the lower edge
BRIGHTEST = 220  # so that the greatest weight stands out from the sheet's white


def main() -> None:
    """Draws the weights in shades of grey, known pixels black, at half the size."""
    mask = unknown_mask(jnp.array(PLACES), CANVAS, KNOWN)
    columns = {}
    for name, weigh in SPATIAL_WEIGHTS.items():
        weights = np.asarray(weigh(mask))[:, ::2, ::2]
        columns[name] = np.uint8(BRIGHTEST * weights / weights.max((1, 2), keepdims=True)).repeat(3, axis=-1)
    write_png(Path(__file__).with_suffix(".png"), contact_sheet(columns))


if __name__ == "__main__":
    main()
