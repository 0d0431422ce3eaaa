"""The data pipeline alone beside PyTorch's DataLoader: images a second of 256x256 JPEG, by what reads and changes them.

    python -m benchmarks.data
    python -m benchmarks.data --folder FOLDER --steps 50

Without a folder it writes 1,000 JPEGs (quality 90), cut from the photographs that scikit-image carries, to a temporary
one. A step is 6 batches of 16. The DataLoader decodes with Pillow as we do, cuts and flips alike, and changes colors as
much, by Pillow's enhancers.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks import compare, machine, options, report
from benchmarks.contest import Contestant
from srn_jax.config import AUTO, Data
from srn_jax.data.photographs import Photographs
from srn_jax.data.sources import embedded
from srn_jax.pictures.folders import list_pictures

CANVAS = (256, 256)
BATCH, GROUP = 16, 6
CHANGES: dict[str, dict[str, Any]] = {
    "whole, flipped": {"scale": (1.0, 1.0), "color": 0.0},
    "windows of 0.5 to 1, resized": {"scale": (0.5, 1.0), "color": 0.0},
    "windows, color changed by 0.1": {"scale": (0.5, 1.0), "color": 0.1},
}
# Our threads and worker processes; at last what follows from the cores.
READERS = ((1, 0), (2, 0), (4, 0), (1, 2), (AUTO, AUTO))
LOADERS = (0, 2)  # the DataLoader's worker processes
_SAMPLE = (0.7, (0.3, 0.6))  # the window by which results are compared


def main() -> None:
    """Runs the program."""
    parser = options.parser("data", __doc__, rounds=3)
    add = parser.add_argument
    add("--folder", help="256x256 JPEGs to read instead")
    add("--steps", type=options.at_least_1, default=20, help="that each row reads in a round (default 20)")
    add(
        "--untimed",
        type=options.at_least_1,
        default=6,
        help="steps read before, until as much is under way as at the end (default 6)",
    )
    add("--contestants", nargs="+", choices=("ours", "peer"), default=["ours", "peer"], help="(default: both)")
    given = options.parse(parser, steps=1, untimed=1, rounds=1)
    with tempfile.TemporaryDirectory() as temporary:
        path = given.folder or str(write_jpegs(Path(temporary), 112 if given.short else 1_000))
        names = list(CHANGES)[-1:] if given.short else CHANGES
        entries = {what: contestants(path, CHANGES[what], given) for what in names}
        options.hold_all(entries, check, given, lambda held: table(held, given.steps))


def contestants(path: str, changes: dict[str, Any], given: Any) -> list[Contestant]:
    """Returns all that read the folder with these changes."""
    shared = {"canvas": CANVAS, "batch": BATCH, "sample": _SAMPLE}
    wrong = {"sample": (0.9, (0.0, 0.0))}
    made = []
    for threads, workers in READERS[: 1 if given.short else None] if "ours" in given.contestants else ():
        settings = shared | {
            "path": path,
            "changes": changes,
            "group": GROUP,
            "steps": given.steps,
            "untimed": given.untimed,
        }
        settings |= {"threads": threads, "workers": workers} | (wrong if given.wrong == "ours" else {})
        name = f"ours, {threads} threads, {workers} processes"
        made.append(Contestant(name, "benchmarks.reading:reading", settings))
    paths = [str(file) for file in list_pictures(path, "--folder")][:-16]  # the last 16 are held out
    for workers in LOADERS if "peer" in given.contestants else ():
        settings = shared | changes | {"paths": paths, "workers": workers}
        settings |= {"batches": GROUP * given.steps, "untimed": GROUP * given.untimed} | (
            wrong if given.wrong == "peer" else {}
        )
        made.append(Contestant(f"DataLoader, {workers} processes", "benchmarks.peer.reading:reading", settings, True))
    return made


def write_jpegs(path: Path, count: int) -> Path:
    """Writes `count` different windows of the embedded photographs, and returns the folder."""
    training, _ = embedded(Data())
    photographs = Photographs(training)
    for number in range(count):
        picture = photographs[number].picture
        left, top = (37 * number) % max(1, picture.width - 255), (53 * number) % max(1, picture.height - 255)
        window = picture.crop((left, top, left + 256, top + 256)) if min(picture.size) >= 256 else picture
        window.resize((256, 256), Image.Resampling.BICUBIC).save(path / f"{number:04d}.jpg", quality=90)
    return path


def check(what: str, outcomes: dict[str, Any]) -> dict[str, float]:
    """Returns by how much one window of one picture differs; raises WrongResultError where it does at all."""
    (first, reference), *others = outcomes.items()
    differences = [
        compare.hold(f"{what}: pixels of {first} and {name}", compare.largest(reference, made), 0.0)
        for name, made in others
    ]
    return {"pixels": max(differences)} if differences else {}


def table(held: Sequence[report.Contest], steps: int) -> str:
    """Returns images a second of all rows."""
    rows = []
    for contest in held:
        for one in contest.measured:
            rate, ratio = steps * GROUP * BATCH / report.median(one), report.over_fastest_peer(one, contest.measured)
            cells = [contest.what, one.name, f"{rate:,.0f}", "" if ratio is None else f"{1 / ratio:.2f}"]
            rows.append(cells)
    return machine.table(["pictures", "reader", "images/s", "over the fastest peer"], rows)


if __name__ == "__main__":
    options.run(main)
