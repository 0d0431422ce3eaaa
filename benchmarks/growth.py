"""How cost grows: time per picture against canvas, batch and width, as a table and a plot.

    python -m benchmarks.growth --plot benchmarks/growth.png

It takes most of an hour: --json FILE is written after each size, and what is in it is not measured again.
Inference, the pre-training step and the full step of five critic updates and the generator's, each size in a process of
its own. One picture of 256x256 at width 64 is the middle; one of the three is changed at a time.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks import inputs, machine, options
from benchmarks.contest import Contestant, hold
from benchmarks.report import median
from benchmarks.sizes import Sizes
from srn_jax.programs import files

WHAT = ("inference", "pre-training step", "full step")
CANVASES = ((64, 64), (128, 128), (256, 256), (256, 512), (512, 512), (512, 1024))
BATCHES = (1, 2, 4, 8, 16)
WIDTHS = (16, 32, 64)


def contestant(what: str, sizes: Sizes) -> Contestant:
    """Returns ours, at one size."""
    params, critics, vgg = inputs.parameters(sizes)
    images = inputs.pictures(6, sizes)
    if what == "inference":
        settings: dict[str, Any] = {"sizes": sizes, "params": params, "picture": images[0]}
        return Contestant(what, "benchmarks.ours:painting", settings)
    settings = {"critics": critics, "vgg": vgg, "images": images, "alphas": inputs.alphas(sizes)}
    settings |= {"sizes": sizes, "params": params, "phase": WHAT.index(what) - 1}
    return Contestant(what, "benchmarks.ours:training", settings)


def series(given: argparse.Namespace) -> dict[str, list[Sizes]]:
    """Returns {what grows: sizes}."""
    width, canvas = given.width, given.canvas
    return {
        "canvas": [Sizes(width, 1, size, "float32") for size in given.canvases],
        "batch": [Sizes(width, batch, canvas, "float32") for batch in given.batches],
        "width": [Sizes(other, 1, canvas, "float32") for other in given.widths],
    }


def measure(given: argparse.Namespace) -> list[dict[str, Any]]:
    """Returns a row for each size: seconds a picture, of each of `given.what`, and peak memory."""
    rows = []
    found = json.loads(given.json.read_text())["rows"] if given.json and given.json.exists() else []
    known = {_key(row): {name: row[name] for name in ("seconds", "peak_mb")} for row in found}
    every = [(grows, size, what) for grows, some in series(given).items() for size in some for what in given.what]
    for grows, size, what in tqdm(every, file=sys.stderr, desc="measuring"):
        row = {"grows": grows, "what": what, "canvas": size.canvas, "batch": size.batch, "width": size.width}
        if what == "full step" and size.canvas[0] * size.canvas[1] * size.batch > given.full_step_limit:
            continue
        if _key(row) not in known:
            (one,), _ = hold(
                [contestant(what, size)],
                rounds=given.rounds,
                threads=given.threads,
                check=lambda outcomes: None,
                untimed=options.untimed(given),
            )
            known[_key(row)] = {"seconds": median(one) / size.batch, "peak_mb": one.peak_calls / 1e6}
        rows.append(row | known[_key(row)])
        if given.json:
            written = {
                "machine": machine.describe(),
                "rows": rows + [old for old in found if _key(old) not in map(_key, rows)],
            }
            files.write_text(given.json, json.dumps(written, indent=1) + "\n")
    return rows


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["what"], tuple(row["canvas"]), row["batch"], row["width"]


def table(rows: list[dict[str, Any]], what: list[str]) -> str:
    """Returns one row a size, and behind each time what it is per pixel, over the first of its series."""
    lines = []
    for grows in ("canvas", "batch", "width"):
        cells: dict[tuple, list[str]] = {}
        for place, name in enumerate(what):
            some = [row for row in rows if row["grows"] == grows and row["what"] == name]
            for row in some:
                height, width = row["canvas"]
                start = [grows, f"{height}x{width}", str(row["batch"]), str(row["width"])]
                line = cells.setdefault((row["canvas"], row["batch"], row["width"]), start + [""] * 3 * len(what))
                first = per_pixel(some[0])
                line[4 + 3 * place : 7 + 3 * place] = [
                    f"{row['seconds']:.3f}",
                    f"{per_pixel(row) / first:.2f}",
                    f"{row['peak_mb']:,.0f}",
                ]
        lines += cells.values()
    header = ["grows", "canvas", "batch", "n"]
    for name in what:
        header += [f"{name}, s a picture", "a pixel, over the first", "peak MB"]
    return machine.table(header, lines)


def per_pixel(row: dict[str, Any]) -> float:
    """Returns seconds a pixel."""
    return row["seconds"] / (row["canvas"][0] * row["canvas"][1])


def plot(rows: list[dict[str, Any]], what: list[str], path: Path) -> None:
    """Writes time per picture against pixels, batch and width, with lines of what would be linear."""
    from matplotlib.figure import Figure  # pyright: ignore[reportMissingImports]

    figure = Figure(figsize=(12, 4), layout="constrained")
    axes = figure.subplots(1, 3, sharey=True)
    labels = ("canvas, pixels", "batch", "width n")
    for axis, grows, label in zip(axes, ("canvas", "batch", "width"), labels, strict=True):
        ticks: list[int] = []
        for name in what:
            some = [row for row in rows if row["grows"] == grows and row["what"] == name]
            x = [row["canvas"][0] * row["canvas"][1] if grows == "canvas" else row[grows] for row in some]
            (line,) = axis.plot(x, [row["seconds"] for row in some], marker="o", label=name)
            power = {"canvas": 1, "batch": 0, "width": 2}[grows]  # of the operations of convolutions
            ideal = [some[0]["seconds"] * (value / x[0]) ** power for value in x]
            axis.plot(x, ideal, linestyle=":", color=line.get_color())
            ticks = max(ticks, x, key=len)
        axis.set(xscale="log", yscale="log", xlabel=label)
        axis.set_xticks(ticks, [str(value) for value in ticks], rotation=30)
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("seconds a picture")
    axes[0].legend(title="dotted: as operations grow", fontsize="small")
    figure.savefig(path, dpi=100)


def main() -> None:
    """Runs the program."""
    parser = options.parser("growth", __doc__, rounds=3)
    add = parser.add_argument
    add("--what", nargs="+", choices=WHAT, default=list(WHAT), help="(default: all)")
    add(
        "--full-step-limit",
        type=options.at_least_1,
        default=2**30,
        metavar="PIXELS",
        help="no full step of more in a batch",
    )
    add("--plot", type=Path, metavar="FILE", help="write a plot, as .png or .svg")
    parser.set_defaults(width=64, canvas=(256, 256), canvases=CANVASES, batches=BATCHES, widths=WIDTHS)
    small = {"width": 8, "canvas": (32, 32), "canvases": ((16, 16), (32, 32)), "batches": (1, 2), "widths": (8,)}
    given = options.parse(parser, rounds=1, what=["inference", "pre-training step"], **small)
    rows = measure(given)
    print(
        f"{machine.describe()}; {given.threads} threads, medians of {given.rounds} calls\n\n{table(rows, given.what)}"
    )
    if given.plot:
        plot(rows, given.what, given.plot)


if __name__ == "__main__":
    options.run(main)
