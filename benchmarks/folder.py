"""A folder of photographs made twice as large: pictures a second, whole processes, from the command to the last file.

    python -m benchmarks.folder [--folder FOLDER] [--pictures 200] [--devices 1 4] [--batches 1 4 32] [--rounds 3]

`python -m srn_jax.infer` without detail, with so many virtual devices and windows in one call, beside PyTorch's
DataLoader and a loop in eager mode that do the same with as many pictures in one call (`benchmarks/peer/folder.py`), on
the same cores. On a CPU our windows go one by one whatever the batch, so that such rows are alike.
Pictures are 600x400, JPEG in and out, cut from those of FOLDER, or else from an example in the package; each takes two
passes of the bundled model. They take turns; the first process of each kind, which compiles, is not counted.
"""

import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from importlib import resources
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from tqdm import tqdm

from benchmarks import machine, options
from benchmarks.compare import WrongResultError
from benchmarks.first_picture import Process, check_alike, took
from benchmarks.peer.weights import flatten
from srn_jax import load_generator
from srn_jax.pictures.arrays import crop_and_resize
from srn_jax.pictures.folders import list_pictures

_SIZE = (400, 600)
_COLUMNS = ("what", "batch", "pictures/s", "best", "over the fastest peer", "peak MB")


class Row(NamedTuple):
    """One kind of process: `devices` is of ours, `workers` of the peer's DataLoader."""

    name: str
    batch: int
    devices: int = 0
    workers: int = 0


def main() -> None:
    """Runs the program."""
    made = options.bare("folder", __doc__)
    add = made.add_argument
    add("--folder", help="photographs to cut the pictures from")
    add("--pictures", type=options.at_least_1, default=200, help="how many (default 200)")
    add("--devices", type=options.at_least_1, nargs="+", default=[1, 4], help="virtual ones, of ours (default 1 4)")
    add(
        "--workers", type=int, choices=range(65), nargs="+", default=[0, 2], metavar="N", help="of the DataLoader (0 2)"
    )
    add("--batches", type=options.at_least_1, nargs="+", default=[1, 4, 32], help="in one call (default 1 4 32)")
    add("--rounds", type=options.at_least_1, default=3, help="timed processes of each kind (default 3)")
    given = made.parse_args()
    rows = [
        *(Row(f"ours, {n} device{'s'[: n > 1]}", batch, devices=n) for n in given.devices for batch in given.batches),
        *(Row(f"DataLoader, {n} processes", batch, workers=n) for n in given.workers for batch in given.batches),
    ]
    with tempfile.TemporaryDirectory() as name:
        found = measure(Path(name), rows, given)
    print(f"{machine.describe(machine.describe_jax())}; {given.pictures} pictures, {given.rounds} rounds\n")
    print(table(found, given.pictures))


def measure(scratch: Path, rows: Sequence[Row], given: Any) -> dict[Row, list[Process]]:
    """Returns what the processes of each row took; `scratch` is for what is made."""
    photographs, weights = scratch / "photographs", scratch / "weights.npz"
    write_pictures(photographs, given.folder, given.pictures)
    np.savez(weights, **flatten(load_generator().params))  # pyright: ignore[reportArgumentType]
    found: dict[Row, list[Process]] = {row: [] for row in rows}
    first = None
    with tqdm(total=len(rows) * (1 + given.rounds), unit=" processes", file=sys.stderr) as bar:
        for number in range(1 + given.rounds):
            for row in rows:
                bar.set_description(f"{row.name}, batch {row.batch}")
                output = scratch / f"{row.name}, batch {row.batch}"
                output.mkdir(exist_ok=True)
                process = run(row, photographs, weights, output)
                bar.update()
                if number:
                    found[row].append(process)
                    continue
                first = first or output
                for path in photographs.iterdir():
                    one, other = first / path.name, output / path.name
                    if row.devices and one.read_bytes() != other.read_bytes():
                        raise WrongResultError(f"{other} is not {one}, bit for bit")
                    check_alike(one, other)
    return found


def run(row: Row, photographs: Path, weights: Path, output: Path) -> Process:
    """Returns what one process took that makes the folder."""
    if not row.devices:
        folders = [str(weights), str(photographs), str(output)]
        return took([sys.executable, "-m", "benchmarks.peer.folder", *folders, str(row.batch), str(row.workers)])
    command = [sys.executable, "-m", "srn_jax.infer", "--input", str(photographs), "--output", str(output)]
    command += ["--ratio", "2", "--detail", "off", "--format", "jpg", "--batch", str(row.batch), "--force"]
    command += ["--compilation-cache", str(weights.with_name("programs"))]
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={row.devices}"
    return took(command, {"XLA_FLAGS": flags})


def write_pictures(target: Path, folder: str | None, count: int) -> None:
    """Writes `count` JPEGs of 600x400 to a new folder, windows of the photographs in `folder`."""
    target.mkdir()
    with resources.as_file(resources.files("srn_jax.demo") / "examples" / "scenes.jpg") as example:
        paths = list_pictures(folder, "--folder") if folder else [example]
        for number, path in enumerate(islice(cycle(paths), count)):
            with Image.open(path) as file:
                place = (0.37 * number % 1, 0.53 * number % 1)
                scale = 1 - 0.5 * (0.61 * number % 1)
                crop_and_resize(file.convert("RGB"), _SIZE, scale, place).save(target / f"{number:04d}.jpg", quality=90)


def table(found: dict[Row, list[Process]], pictures: int) -> str:
    """Returns pictures a second of all rows."""
    rates = {row: [pictures / one.seconds for one in processes] for row, processes in found.items()}
    peer = max((statistics.median(rate) for row, rate in rates.items() if not row.devices), default=None)
    cells = []
    for row, rate in rates.items():
        median, peak = statistics.median(rate), max(one.peak for one in found[row])
        over = f"{median / peer:.2f}" if peer else ""
        line = [row.name, str(row.batch), f"{median:.2f}", f"{max(rate):.2f}", over, f"{peak / 1e6:,.0f}"]
        cells.append(line)
    return machine.table(list(_COLUMNS), cells)


if __name__ == "__main__":
    options.run(main)
