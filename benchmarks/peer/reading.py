"""The data pipeline's peer: PyTorch's DataLoader over a folder of JPEGs, decoded and cut with Pillow."""
# pyright: reportMissingImports=false

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageEnhance
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, RandomSampler

from benchmarks.worker import Subject


class Folder(Dataset):
    """Random windows of a folder's pictures, resized, flipped and changed in color, bytes [h, w, 3]."""

    def __init__(self, paths: list[Path], canvas: tuple[int, int], scale: tuple[float, float], color: float):
        self.paths, self.canvas, self.scale, self.color = paths, canvas, scale, color

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        with Image.open(self.paths[index]) as file:
            picture = file.convert("RGB")
        cut = window(picture, self.canvas, random.uniform(*self.scale), (random.random(), random.random()))
        if self.color:
            cut = jitter(cut, self.color)
        if random.random() < 0.5:
            cut = cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return torch.from_numpy(np.array(cut))


def window(picture: Image.Image, canvas: tuple[int, int], scale: float, place: tuple[float, float]) -> Image.Image:
    """Returns a window of the canvas' aspect at the canvas' size; `scale` and `place` in [0, 1]."""
    unit = scale * min(picture.height / canvas[0], picture.width / canvas[1])
    height, width = unit * canvas[0], unit * canvas[1]
    top, left = place[0] * (picture.height - height), place[1] * (picture.width - width)
    box = (left, top, min(left + width, picture.width), min(top + height, picture.height))
    return picture.resize((canvas[1], canvas[0]), Image.Resampling.BICUBIC, box=box, reducing_gap=2.0)


def jitter(picture: Image.Image, strength: float) -> Image.Image:
    """Returns the picture with brightness, contrast, saturation and hue changed at random."""
    for enhancer in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        picture = enhancer(picture).enhance(1.0 + 0.6 * strength * random.uniform(-1.0, 1.0))
    hue, saturation, value = picture.convert("HSV").split()
    shift = int(128 * strength * random.uniform(-1.0, 1.0))
    turned = hue.point([(level + shift) % 256 for level in range(256)])
    return Image.merge("HSV", (turned, saturation, value)).convert("RGB")


def reading(
    paths: list[str],
    canvas: tuple[int, int],
    scale: tuple[float, float],
    color: float,
    batch: int,
    batches: int,
    untimed: int,
    workers: int,
    sample: tuple[float, tuple[float, float]],
) -> Subject:
    """Returns one that reads `batches` batches, after `untimed` ones; its outcome is the first picture's `sample`."""
    pictures = Folder([Path(path) for path in paths], canvas, scale, color)
    opened: list[Iterator[Any]] = []

    def open_loader() -> None:
        sampler = RandomSampler(pictures, num_samples=batch * (untimed + batches))
        opened.append(iter(DataLoader(pictures, batch, sampler=sampler, num_workers=workers)))
        for _ in range(untimed):
            next(opened[0])

    def call() -> None:
        for _ in range(batches):
            assert next(opened[0]).shape == (batch, *canvas, 3)

    def outcome(made: None) -> np.ndarray:
        del made
        with Image.open(paths[0]) as file:
            return np.asarray(window(file.convert("RGB"), canvas, *sample))

    return Subject(call, outcome, f"torch {torch.__version__}", open_loader, opened.clear, compiles=False)
