"""What `python -m srn_jax.evaluate` does: a generator's scores on pictures that it never saw, beside simple fills."""

import argparse
import json
import math
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from srn_jax.data.photographs import spread
from srn_jax.detail import LEAST_SIDE
from srn_jax.errors import InputError
from srn_jax.evaluate import page, perceptual, sheets, summary
from srn_jax.evaluate.crops import CanvasCrops, Crops, open_pictures
from srn_jax.evaluate.full_resolution import FullResolutionCrops, FullResolutionJudge
from srn_jax.evaluate.judge import CanvasJudge, Judge, Judged, Scores
from srn_jax.evaluate.perceptual import FeatureNetworks
from srn_jax.generators.loading import load_generator
from srn_jax.pictures.arrays import write_png
from srn_jax.pictures.folders import check_outside
from srn_jax.programs import allocator, files

_SHOWN = 6  # pictures on each contact sheet
_KEPT = 50  # pictures at most that are all kept for the sheets; of more, those on sheets are judged once more
_SHEETS = ("worst", "median", "best")
_FILES = {"scores.jsonl", "summary.json", "report.html", *(f"{title}.png" for title in _SHEETS)}


def run(options: argparse.Namespace) -> None:
    """Writes the report to --output, and prints the tables.

    Raises:
      InputError: what is given does not fit.
    """
    allocator.keep_freed_memory()
    output = files.expand(options.output, "--output")
    with files.replacing_folder(output, partial(_check_output, output, options)) as folder:
        networks = _networks(options)
        judge, crops = _judge_and_crops(networks, options)
        print(evaluate(judge, networks, crops, folder, options))
    print(f"\nlook at        {output / 'report.html'}\neach picture   {output / 'scores.jsonl'}")


def evaluate(judge: Judge, networks: FeatureNetworks, crops: Crops, folder: Path, options: argparse.Namespace) -> str:
    """Judges `crops` and writes all files to `folder`; returns the tables."""
    numbers, skipped = spread(len(crops), options.limit), []
    scores: dict[str, list[Scores]] = {system: [] for system in judge.systems}
    features: dict[str, list[np.ndarray]] = {}
    order: list[tuple[float, int]] = []
    shown: dict[int, dict[str, np.ndarray]] = {}
    enlarged = 0

    def skip(number: int) -> None:
        skipped.append(crops.why_not(number))
        tqdm.write(f"skipped {skipped[-1]}", file=sys.stderr)

    with (folder / "scores.jsonl").open("w") as lines:
        for one in tqdm(judge.judge(crops, numbers, skip), total=len(numbers), unit=" pictures"):
            lines.write(json.dumps(_line(one)) + "\n")
            order.append((one.scores[judge.painter]["psnr_unknown"], one.number))
            enlarged += one.crop.enlarged
            if len(numbers) <= _KEPT:
                shown[one.number] = _shown(one)
            for system, row in one.scores.items():
                scores[system].append(row)
            for system, row in one.features.items():
                features.setdefault(system, []).append(row)
    if not order:
        raise InputError(f"none of the {len(numbers)} pictures of --data {options.data} is readable")
    means = {system: summary.means(some) for system, some in scores.items() if some}
    lacking = len(order) - len(scores.get(judge.detailed, order))
    facts = _facts(crops, options, len(order), enlarged, lacking, skipped)
    perceived = [] if options.full_resolution else perceptual.rows(networks, features, means)
    found = {**facts, "scores": summary.as_json(means), "perceptual": perceived}
    files.write_text(folder / "summary.json", json.dumps(found, indent=2) + "\n")
    parts = [page.table([["", ""], *([str(k), str(v)] for k, v in facts.items() if not isinstance(v, list))], "text")]
    table, medians = summary.rows(means), summary.medians(means)
    parts += [page.heading("Scores"), page.table(table), page.table(medians)]
    parts += [page.paragraph(summary.EXPLANATION, "note")]
    if perceived:
        parts += [page.heading("Perceptual distances, over the canvas: lower is better"), page.table(perceived)]
    for title, chosen in _choose([number for _, number in sorted(order)]).items():
        again = judge.judge(crops, [number for number in chosen if number not in shown])
        shown |= {one.number: _shown(one) for one in again}
        sheet = _sheet(judge, [shown[number] for number in chosen])
        write_png(folder / f"{title}.png", sheet)
        parts += [page.heading(f"The {title}, by PSNR of the unknown region"), page.picture(sheet, f"the {title}")]
    if skipped:
        parts += [page.heading("Not readable"), page.table([["picture"], *([name] for name in skipped)], "text")]
    files.write_text(folder / "report.html", page.page(f"{judge.painter} on {options.data}", parts))
    return "\n\n".join(summary.markdown(rows) for rows in (table, medians, perceived) if rows)


def _judge_and_crops(networks: FeatureNetworks, options: argparse.Namespace) -> tuple[Judge, Crops]:
    generator, pictures = load_generator(options.checkpoint), open_pictures(options.data, options.split)
    detail, seed = options.detail == "on", options.seed
    if options.full_resolution:
        crops = FullResolutionCrops(pictures, generator, seed, options.full_resolution)
        return FullResolutionJudge(generator, detail=detail, seed=seed), crops
    crops = CanvasCrops(pictures, generator, seed)
    expected = min(len(crops), options.limit or len(crops))
    return CanvasJudge(generator, options.batch, networks, detail=detail, seed=seed, expected=expected), crops


def _networks(options: argparse.Namespace) -> FeatureNetworks:
    inception = files.expand(options.inception, "--inception") if options.inception is not None else None
    return perceptual.read_networks(inception, [files.expand(file, "--lpips") for file in options.lpips or []])


def _line(one: Judged) -> dict[str, Any]:
    (height, width), known = one.crop.image.shape[:2], one.crop.known._asdict()
    canvas = {"height": height, "width": width}
    known |= {"gap": one.crop.gap} if one.crop.gap else {}
    crop = {"picture": one.crop.name, "canvas": canvas, "known": known}
    return crop | {name: summary.finite(row) for name, row in one.scores.items()}


def _facts(
    crops: Crops, options: argparse.Namespace, count: int, enlarged: int, lacking: int, skipped: list[str]
) -> dict[str, Any]:
    small = f", but for {lacking} with a known part of under {LEAST_SIDE} pixels on a side" if lacking else ""
    return {
        "checkpoint": options.checkpoint,
        "data": options.data,
        "pictures": count,
        **({"enlarged": f"{enlarged} of them, smaller than the canvas"} if enlarged else {}),
        "seed": options.seed,
        **crops.facts(),
        "detail": options.detail + small,
        "skipped": skipped,
    }


def _choose(worst_first: list[int]) -> dict[str, list[int]]:
    """Returns the numbers of the worst, the median and the best pictures; of few, none is on two sheets."""
    count = max(1, min(_SHOWN, len(worst_first) // 3))
    middle = math.floor((len(worst_first) - count) / 2)
    chosen = worst_first[:count], worst_first[middle : middle + count], worst_first[::-1][:count]
    return dict(zip(_SHEETS, chosen, strict=True))


def _shown(one: Judged) -> dict[str, np.ndarray]:
    """Returns a row of a sheet."""
    known = sheets.known_on_grey(one.crop.image, one.crop.mask)
    pictures = {"known": known} | one.completed | {"truth": one.crop.image}
    return {name: sheets.shrunk(picture) for name, picture in pictures.items()}


def _sheet(judge: Judge, shown: list[dict[str, np.ndarray]]) -> np.ndarray:
    """Returns a sheet of all systems that any picture has; where another lacks one it is white."""
    columns = [name for name in ("known", *judge.systems, "truth") if any(name in row for row in shown)]
    return sheets.contact_sheet(
        {name: [row.get(name, np.full_like(row["truth"], 255)) for row in shown] for name in columns}
    )


def _check_output(output: Path, options: argparse.Namespace) -> None:
    if output.is_file():
        raise InputError(f"--output is the file {output}; it takes a folder")
    for data in (options.data, options.data.partition(":")[2] or options.data):  # a folder, or SOURCE:FOLDER
        check_outside(output, files.expand(data, "--data"), "--output", "--data")
    if output.is_dir() and any(output.iterdir()):
        if not options.force:
            raise InputError(f"--output {output} exists and is not empty; --force replaces its report")
        others = sorted({file.name for file in output.iterdir()} - _FILES)
        if others:
            raise InputError(f"--output {output} holds {others[0]}, which is no part of a report, and is not replaced")
