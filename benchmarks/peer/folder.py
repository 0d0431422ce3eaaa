"""A PyTorch script that makes each picture of a folder twice as large: a DataLoader, and a loop in eager mode.

    python -m benchmarks.peer.folder WEIGHTS.npz FOLDER OUTPUT BATCH WORKERS

Pictures are JPEGs of 3:2; worker processes read them and bring them to the model's scale, the loop paints a batch of
them at a time and saves it.
"""
# pyright: reportMissingImports=false

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmarks.peer.first_picture import enlarged, load, paint, seen


class Photographs(Dataset):
    """Each picture of a folder: bytes [h, w, 3], and what the model sees, [3, 64, 96]."""

    def __init__(self, folder: Path) -> None:
        self.paths = sorted(folder.iterdir())

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        with Image.open(self.paths[index]) as file:
            picture = file.convert("RGB")
        return torch.from_numpy(np.array(picture)), seen(picture)


def main(weights: str, folder: str, output: str, batch: str, workers: str) -> None:
    """Paints around each picture of `folder`, all of one size, and writes them under their names to `output`."""
    generator, photographs = load(weights), Photographs(Path(folder))
    names = iter(path.name for path in photographs.paths)
    for pictures, small in DataLoader(photographs, int(batch), num_workers=int(workers)):
        for pixels, canvas in zip(pictures, paint(generator, small), strict=True):
            large = enlarged(canvas, Image.fromarray(pixels.numpy()))
            large.save(Path(output, next(names)), quality=95, subsampling=0)


if __name__ == "__main__":
    main(*sys.argv[1:])
