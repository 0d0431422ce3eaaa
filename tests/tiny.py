"""The smallest configuration that has every part, for tests that train."""

from pathlib import Path

import numpy as np
from PIL import Image

from srn_jax import config as settings


def config(**changes: object) -> settings.Config:
    """Returns a configuration of both phases at 8x12 -> 16x24, width 4; `changes` name settings, __ for the dot."""
    made = settings.Config()
    made.geometry.known, made.geometry.canvas = (8, 12), (16, 24)
    made.geometry.masks_per_batch = "each"
    made.model.width = 4
    made.critic.width, made.critic.updates = 4, 2
    made.loss.lambda_mrf = 0.0
    made.data.source = "embedded"
    made.data.batch = 4
    made.data.threads = 1
    made.reconstruction.steps, made.adversarial.steps = 3, 3
    made.run.average = 0.9
    made.run.log_every_steps = 1
    made.run.image_every_steps = 100
    made.run.evaluate_every_steps = 100
    made.run.save_every_steps = 100
    for name, value in changes.items():
        *section, setting = name.split("__")
        setattr(getattr(made, section[0]) if section else made, setting, value)
    return made


def write_pictures(folder: Path, count: int, size: tuple[int, int] = (40, 56)) -> Path:
    """Writes `count` different PNG pictures of `size` (height, width), and returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for number in range(count):
        pixels = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"picture_{number:03d}.png")
    return folder
