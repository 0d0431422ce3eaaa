"""Painting around photographs at their own resolution: with and without detail, beside OpenCV's Telea and PyPatchMatch.

    pip install -e '.[benchmark]'
    python -m benchmarks.detail --data FOLDER [--checkpoint scenes] [--tasks sides around]
    python -m benchmarks.detail --data FOLDER --growth

The middle of each photograph is known: `sides`, 60 % of its width at full height; `around`, two thirds of its width and
height. Each system works in a process of its own, all photographs one after the other; seconds are their median, the
first call, which compiles, apart. --growth paints around one photograph in sizes from 0.25 to 24 million pixels.
"""

import argparse
import json
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from benchmarks import machine, options
from benchmarks.memory import ProcessMemory
from srn_jax.errors import InputError, fail
from srn_jax.evaluate.tasks import MIDDLES, middle
from srn_jax.pictures.folders import list_pictures
from srn_jax.pictures.reading import decode

Sides = tuple[int, int, int, int]  # top, bottom, left, right
Painter = Callable[[np.ndarray, Sides], np.ndarray]

MILLIONS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 24.0)
_SHOWN = 480  # pixels, the longer side on the sheet


def _srn(checkpoint: str, detail: bool) -> Painter:
    from srn_jax import expand, load_generator
    from srn_jax.programs import allocator

    allocator.keep_freed_memory()
    generator = load_generator(checkpoint)

    def paint(known: np.ndarray, sides: Sides) -> np.ndarray:
        top, bottom, left, right = sides
        return expand(generator, known, top=top, bottom=bottom, left=left, right=right, detail=detail)

    return paint


def _telea(checkpoint: str) -> Painter:
    from srn_jax.evaluate.fills import fill_telea

    del checkpoint
    return lambda known, sides: fill_telea(*_masked(known, sides))


def _patchmatch(checkpoint: str) -> Painter:
    from patchmatch import patch_match  # pyright: ignore[reportMissingImports]  # of the extra `benchmark`

    del checkpoint

    def paint(known: np.ndarray, sides: Sides) -> np.ndarray:
        image, mask = _masked(known, sides)
        painted = patch_match.inpaint(image, (mask[..., 0] * 255).astype(np.uint8), patch_size=7)
        return np.where(mask > 0.5, painted, image)

    return paint


SYSTEMS: dict[str, Callable[[str], Painter]] = {
    "SRN": lambda checkpoint: _srn(checkpoint, False),
    "SRN + detail": lambda checkpoint: _srn(checkpoint, True),
    "Telea": _telea,
    "PyPatchMatch": _patchmatch,
}


def _masked(known: np.ndarray, sides: Sides) -> tuple[np.ndarray, np.ndarray]:
    """Returns the picture on its canvas, and 1 where that is unknown."""
    top, bottom, left, right = sides
    image = np.pad(known, ((top, bottom), (left, right), (0, 0)))
    mask = np.ones((*image.shape[:2], 1), np.float32)
    mask[top : top + known.shape[0], left : left + known.shape[1]] = 0
    return image, mask


def sides_of(size: tuple[int, int], task: str) -> Sides:
    """Returns the pixels of a photograph of (height, width) `size` that a task leaves unknown, on each side."""
    known = middle(size, MIDDLES[task])
    return known.top, size[0] - known.top - known.height, known.left, size[1] - known.left - known.width


def work(system: str, checkpoint: str, given: list[tuple[str, str]]) -> dict[str, Any]:
    """Returns the canvases, the seconds, and the peak memory of a system; runs in a process of its own."""
    paint, memory = SYSTEMS[system](checkpoint), ProcessMemory()
    made, seconds, first = [], [], None
    for path, task in given:
        photo = np.asarray(decode(Path(path)))
        sides = sides_of((photo.shape[0], photo.shape[1]), task)
        known = photo[sides[0] : photo.shape[0] - sides[1], sides[2] : photo.shape[1] - sides[3]]
        if first is None:
            start = time.perf_counter()
            paint(known, sides)
            first = time.perf_counter() - start
        start = time.perf_counter()
        made.append(paint(known, sides))
        seconds.append(time.perf_counter() - start)
    return {"made": made, "seconds": seconds, "first": first, "peak": memory.peaks().process}


def work_growing(checkpoint: str, detail: bool, path: str, million: float) -> dict[str, Any]:
    """Returns seconds, a second call's, and peak memory of painting so many pixels around a photograph of that size."""
    paint, memory = _srn(checkpoint, detail), ProcessMemory()
    with Image.open(path) as picture:
        # Around two thirds of each side: 5/9 of the canvas are painted.
        height = (million * 1e6 * 9 / 5 * picture.height / picture.width) ** 0.5
        size = round(height * picture.width / picture.height * 2 / 3), round(height * 2 / 3)
        known = np.asarray(picture.convert("RGB").resize(size, Image.Resampling.LANCZOS))
    sides = size[1] // 4, size[1] // 4, size[0] // 4, size[0] // 4
    seconds = machine.seconds(lambda: paint(known, sides), 2)
    return {"first": seconds[0], "seconds": seconds[1], "peak": memory.peaks().process}


def _alone(function: Callable[..., Any], *arguments: Any) -> Any:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def scores_of(made: np.ndarray, truth: np.ndarray, task: str) -> dict[str, float]:
    """Returns sharpness, step and PSNR of the painted region."""
    from srn_jax.evaluate import metrics

    top, bottom, left, right = sides_of((truth.shape[0], truth.shape[1]), task)
    _, mask = _masked(truth[top : truth.shape[0] - bottom, left : truth.shape[1] - right], (top, bottom, left, right))
    found = metrics.scores(np.float32(made / 255), np.float32(truth / 255), mask)
    return {name: float(found[name]) for name in ("sharpness", "step", "psnr_unknown")}


def measure(asked: argparse.Namespace) -> str:
    """Returns a table a task: medians over the photographs."""
    files = [str(file) for file in list_pictures(str(asked.data), "--data")][: asked.limit]
    given = [(file, task) for task in asked.tasks for file in files]
    truths = [np.asarray(decode(Path(file))) for file, _ in given]
    kept: dict[str, Any] = {}
    for system in tqdm(asked.systems, file=sys.stderr, unit=" systems"):
        try:
            kept[system] = _alone(work, system, asked.checkpoint, given)
        except ImportError as error:
            tqdm.write(f"{system} is left out: {error}; pip install -e '.[benchmark]'", file=sys.stderr)
    for one in kept.values():
        one["scores"] = [
            scores_of(made, truth, task) for made, truth, (_, task) in zip(one["made"], truths, given, strict=True)
        ]
    parts = []
    for task in asked.tasks:
        chosen = [place for place, (_, name) in enumerate(given) if name == task]
        rows = []
        for system, one in kept.items():
            medians = {
                name: statistics.median(one["scores"][place][name] for place in chosen)
                for name in ("sharpness", "step", "psnr_unknown")
            }
            seconds = statistics.median(one["seconds"][place] for place in chosen)
            numbers = [f"{medians['sharpness']:.2f}", f"{medians['step']:.2f}", f"{medians['psnr_unknown']:.2f}"]
            numbers += [f"{seconds:.1f}", f"{one['first']:.1f}", f"{one['peak'] / 1e6:,.0f}"]
            rows.append([system, *numbers])
        header = ["system", "sharpness", "step", "PSNR, dB", "seconds", "first call", "peak MB"]
        parts.append(f"{task}, {len(chosen)} photographs\n\n{machine.table(header, rows)}")
    if asked.json:
        lines = {
            system: [
                {"photograph": Path(file).name, "task": task, "seconds": s, **row}
                for (file, task), s, row in zip(given, one["seconds"], one["scores"], strict=True)
            ]
            for system, one in kept.items()
        }
        asked.json.write_text(json.dumps({"machine": machine.describe(), "systems": lines}, indent=1) + "\n")
    if asked.sheet:
        columns = [truths, *(one["made"] for one in kept.values())]
        _sheet(asked.sheet, [list(row) for row in zip(*columns, strict=True)])
    return "\n\n".join(parts)


def _sheet(path: Path, rows: list[list[np.ndarray]]) -> None:
    """Writes the truth and what each system made of it, side by side, small."""
    lines = []
    for row in rows:
        scale = _SHOWN / max(row[0].shape[:2])
        size = round(row[0].shape[1] * scale), round(row[0].shape[0] * scale)
        lines.append(np.concatenate([np.asarray(Image.fromarray(one).resize(size)) for one in row], axis=1))
    widest = max(line.shape[1] for line in lines)
    lines = [np.pad(line, ((0, 4), (0, widest - line.shape[1]), (0, 0))) for line in lines]
    Image.fromarray(np.concatenate(lines)).save(path, quality=88)


def measure_growth(asked: argparse.Namespace) -> str:
    """Returns a table of time and memory against painted pixels, without and with detail."""
    file, rows = str(list_pictures(str(asked.data), "--data")[0]), []
    for million in tqdm(asked.millions, file=sys.stderr, unit=" sizes"):
        plain, made = (_alone(work_growing, asked.checkpoint, detail, file, million) for detail in (False, True))
        beyond = made["seconds"] - plain["seconds"]
        numbers = [f"{plain['seconds']:.1f}", f"{made['seconds']:.1f}", f"{beyond / million:.1f}"]
        numbers += [f"{one['peak'] / 1e6:,.0f}" for one in (plain, made)]
        rows.append([f"{million:g}", *numbers])
    header = ["million painted", "s without", "s with detail", "s a million beyond", "peak MB without", "peak MB with"]
    return machine.table(header, rows)


def main() -> None:
    """Runs the program."""
    parser = options.bare("detail", __doc__)
    add = parser.add_argument
    add("--data", required=True, type=Path, help="a folder of photographs; --growth takes the first")
    add("--checkpoint", default="scenes", help="the model (default scenes)")
    add("--tasks", nargs="+", choices=list(MIDDLES), default=list(MIDDLES))
    add("--systems", nargs="+", choices=list(SYSTEMS), default=list(SYSTEMS))
    add("--limit", type=options.at_least_1, help="so many photographs")
    add("--growth", action="store_true", help="time and memory against painted pixels")
    add("--millions", nargs="+", type=options.above_0, default=MILLIONS, help="of painted pixels, for --growth")
    add("--json", type=Path, metavar="FILE", help="write each photograph's scores")
    add("--sheet", type=Path, metavar="FILE", help="write a sheet: the truth, and what each system made")
    asked = parser.parse_args()
    try:
        found = measure_growth(asked) if asked.growth else measure(asked)
    except InputError as error:
        fail(error)
    print(f"{machine.describe(machine.describe_jax())}\n\n{found}")


if __name__ == "__main__":
    main()
