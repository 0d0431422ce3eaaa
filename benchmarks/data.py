"""The data pipeline alone: images a second of 256x256 JPEG, by threads, worker processes and what is done to a picture.

    python -m benchmarks.data [--folder FOLDER] [--seconds 5]

Without a folder it writes 1,000 JPEGs (quality 90), cut from the photographs that scikit-image carries, to a temporary
one. The rows take turns, so that a busy moment of the machine hits all of them.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from benchmarks import machine
from srn_jax.config import Data
from srn_jax.data.photographs import Photographs
from srn_jax.data.pipeline import decoder, training_batches
from srn_jax.data.sources import embedded, folder

CANVAS = (256, 256)
ROUNDS = 3
CHANGES = {
    "whole, flipped": {},
    "windows of 0.5 to 1, resized": {"scale": (0.5, 1.0)},
    "windows, color changed by 0.1": {"scale": (0.5, 1.0), "color": 0.1},
}
READERS = ((1, 0), (2, 0), (4, 0), (1, 2))  # threads, worker processes


def main() -> None:
    """Runs the program."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.data", description=__doc__)
    parser.add_argument("--folder", help="256x256 JPEGs to read instead")
    parser.add_argument(
        "--seconds", type=float, default=5.0, help="that each row reads, in each of 3 rounds (default 5)"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        path = options.folder or write_jpegs(Path(temporary))
        cases = [(name, *readers) for name in CHANGES for readers in READERS]
        rates: dict[tuple[str, int, int], list[float]] = {case: [] for case in cases}
        for case in tqdm(cases * ROUNDS, desc="reading", file=sys.stderr):
            rates[case].append(rate(str(path), *case, seconds=options.seconds))
    print(f"{machine.describe()}\n")
    rows = [[*map(str, case), f"{statistics.median(found):,.0f}"] for case, found in rates.items()]
    print(machine.table(["pictures", "threads", "worker processes", "images/s"], rows))


def write_jpegs(path: Path, count: int = 1_000) -> Path:
    """Writes `count` different windows of the embedded photographs, and returns the folder."""
    training, _ = embedded(Data())
    photographs = Photographs(training)
    for number in range(count):
        picture = photographs[number].picture
        left, top = (37 * number) % max(1, picture.width - 255), (53 * number) % max(1, picture.height - 255)
        window = picture.crop((left, top, left + 256, top + 256)) if min(picture.size) >= 256 else picture
        window.resize((256, 256), Image.Resampling.BICUBIC).save(path / f"{number:04d}.jpg", quality=90)
    return path


def rate(path: str, name: str, threads: int, workers: int, *, seconds: float) -> float:
    """Returns images a second, from the second step of 6 batches of 16 on."""
    data = Data(path=path, held_out=16, threads=threads, workers=workers)
    for setting, value in CHANGES[name].items():
        setattr(data, setting, value)
    training, _ = folder(data)
    steps = iter(training_batches(decoder(training, data, CANVAS), data, CANVAS, seed=0, start=0, group=6))
    next(steps)
    images, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        group, batch = next(steps).pixels.shape[:2]
        images += group * batch
    steps.close()
    return images / elapsed


if __name__ == "__main__":
    main()
