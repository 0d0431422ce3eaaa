"""How long a user waits for the first picture: whole processes, from the command to the file.

    python -m benchmarks.first_picture [--rounds 5] [--short]

A photograph of 600x400 is made 1200x800 by `python -m srn_jax.infer`, two passes of the bundled model: cold, with
no compiled programs at hand, and warm, with those of the run before; and by a PyTorch script that does the same without
detail (`benchmarks/peer/first_picture.py`). They take turns. Peak memory is the whole process's. --short is small and
quick, to see whether all works: a photograph of 192x128, and times mean little.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from tqdm import tqdm

from benchmarks import compare, machine, options
from benchmarks.peer.weights import flatten
from srn_jax import load_generator

_PEER = "PyTorch, eager, without detail"
_SIZE, _SHORT_SIZE = (600, 400), (192, 128)  # width and height of the photograph
_LEVELS = 6  # of 255, on average: enlarged by another filter
_COLUMNS = ("what", "median s", "min s", "over the peer", "peak MB")


class Process(NamedTuple):
    """What a process took: seconds, and its peak memory in bytes."""

    seconds: float
    peak: int


def took(command: Sequence[str], variables: Mapping[str, str] | None = None) -> Process:
    """Returns what a command takes that must succeed; `variables` are of its environment, beside ours."""
    start = time.perf_counter()
    environment = {**os.environ, **(variables or {})}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
    assert process.stderr is not None
    with process.stderr as stream:
        said = stream.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise compare.WrongResultError(f"{' '.join(command)} ended with {process.returncode}: {said.strip()}")
    return Process(seconds, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))


def main() -> None:
    """Runs the program."""
    made = options.bare("first_picture", __doc__)
    made.add_argument("--rounds", type=options.at_least_1, default=5, help="processes of each kind (default 5)")
    made.add_argument("--short", action="store_true", help="a small photograph; times mean little")
    given = made.parse_args()
    with tempfile.TemporaryDirectory() as name:
        print(measure(Path(name), given.rounds, _SHORT_SIZE if given.short else _SIZE))


def measure(folder: Path, rounds: int, size: tuple[int, int]) -> str:
    """Returns the table; `folder` is for what is made, `size` the photograph's width and height."""
    photo, weights = folder / "photo.png", folder / "weights.npz"
    with (
        resources.as_file(resources.files("srn_jax.demo") / "examples" / "scenes.jpg") as path,
        Image.open(path) as one,
    ):
        one.resize(size).save(photo)
    np.savez(weights, **flatten(load_generator().params))  # pyright: ignore[reportArgumentType]
    ours = {f"{heat}, {what}": (heat, what) for what in ("without detail", "with detail") for heat in ("cold", "warm")}
    found: dict[str, list[Process]] = {one: [] for one in (*ours, _PEER)}
    for number in tqdm(range(rounds), unit=" rounds", file=sys.stderr):
        peer = [
            sys.executable,
            "-m",
            "benchmarks.peer.first_picture",
            str(weights),
            str(photo),
            str(folder / "peer.png"),
        ]
        found[_PEER].append(took(peer))
        for row, (_, what) in ours.items():
            output, detail = folder / f"{what}.png", "on" if what == "with detail" else "off"
            given = ["--input", str(photo), "--output", str(output), "--ratio", "2", "--detail", detail, "--force"]
            cache = ["--compilation-cache", str(folder / f"programs of {what} {number}")]  # warm follows cold
            found[row].append(took([sys.executable, "-m", "srn_jax.infer", *given, *cache]))
        if not number:
            apart = check_alike(folder / "peer.png", folder / "without detail.png")
            print(f"ours and the peer's differ by {apart:.1f} of 255 levels on average", file=sys.stderr)
    peer = statistics.median(one.seconds for one in found[_PEER])
    rows = [_cells(row, processes, peer) for row, processes in found.items()]
    return f"{machine.describe(machine.describe_jax())}\n\n{machine.table(list(_COLUMNS), rows)}"


def check_alike(*files: Path) -> float:
    """Returns by how many levels two pictures differ on average; raises WrongResultError where they differ in kind."""
    one, other = (np.asarray(Image.open(file).convert("RGB"), np.float32) for file in files)
    if one.shape != other.shape or (apart := float(np.abs(one - other).mean())) > _LEVELS:
        raise compare.WrongResultError(f"the pictures of {files[0]} and {files[1]} are not the same")
    return apart


def _cells(row: str, processes: list[Process], peer: float) -> list[Any]:
    times = [one.seconds for one in processes]
    median, peak = statistics.median(times), max(one.peak for one in processes)
    return [row, f"{median:.2f}", f"{min(times):.2f}", f"{median / peer:.2f}", f"{peak / 1e6:,.0f}"]


if __name__ == "__main__":
    options.run(main)
