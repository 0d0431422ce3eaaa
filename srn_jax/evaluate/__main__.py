"""`python -m srn_jax.evaluate`: a generator's scores on pictures that it never saw, beside simple fills."""

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from srn_jax import allocator, cache, files
from srn_jax.commandline import Parser
from srn_jax.errors import InputError, fail
from srn_jax.evaluate import page, perceptual, sheets, summary
from srn_jax.evaluate.crops import Crops, open_pictures, spread
from srn_jax.evaluate.judge import Judge, Judged, Scores
from srn_jax.evaluate.perceptual import Networks
from srn_jax.generator import Generator, load_generator, loadable
from srn_jax.pictures import write_png

_SHOWN = 6  # pictures on each contact sheet
_SHEETS = ("worst", "median", "best")
_FILES = {"scores.jsonl", "summary.json", "report.html", *(f"{title}.png" for title in _SHEETS)}
_EXAMPLES = """examples:
  --checkpoint runs/mine --data photos/
  --checkpoint runs/mine --data held_out.txt --limit 200 --output evaluation/mine
  --checkpoint runs/quickstart --data embedded
"""


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Returns the command line's options; ends the program where they are wrong."""
    parser = Parser(
        prog="python -m srn_jax.evaluate",
        description="Scores a generator on pictures that it never saw, beside simple fills: PSNR, SSIM, L1 and the "
        "seam, of each picture and their means, with contact sheets, and a report in one HTML file.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--checkpoint", required=True, help=f"the model: {loadable()}")
    add("--data", required=True, help="a folder, a text file with a path a line, embedded, tfds:NAME, or SOURCE:FOLDER")
    add("--split", default="test", help="of a TFDS data set (default test)")
    add("--limit", type=int, metavar="N", help="judge N pictures, spread over all of them")
    add("--output", default="evaluation", metavar="DIR", help="a new folder (default evaluation)")
    add("--force", action="store_true", help="replace the folder's report where there is one")
    add("--batch", type=int, default=8, help="pictures at a time, on all devices together (default 8)")
    add("--inception", metavar="FILE", help="weights for FID and KID: pt_inception-2015-12-05-6726825d.pth")
    add("--lpips", nargs="+", metavar="FILE", help="weights for LPIPS: alex.pth and alexnet-owt-7be5be79.pth, say")
    add("--seed", type=int, default=0, help="of where known parts lie, where the model was trained with any place")
    add("--compilation_cache", metavar="DIR", help=cache.HELP)
    options = parser.parse_args(arguments)
    for name in ("limit", "batch"):
        value = getattr(options, name)
        if value is not None and value < 1:
            parser.error(f"--{name} is {value}; it takes 1 or more")
    if not 0 <= options.seed < 2**32:
        parser.error(f"--seed is {options.seed}; it takes 0 to {2**32 - 1}")
    return options


def main(arguments: list[str] | None = None) -> None:
    """Runs the program."""
    options = parse(arguments)
    allocator.keep_freed_memory()
    cache.keep_programs(options.compilation_cache)
    try:
        output = files.expand(options.output, "--output")
        _check_output(output, options.force)
        generator = load_generator(options.checkpoint)
        crops = Crops(open_pictures(options.data, options.split), generator, options.seed)
        networks = _networks(options)
        with files.replacing_folder(output) as folder:
            print(evaluate(Judge(generator, options.batch, networks), networks, crops, folder, options))
    except InputError as error:
        fail(error)
    except OSError as error:
        fail(InputError(f"cannot write {options.output}: {error.strerror or error}"))
    print(f"\nlook at        {output / 'report.html'}\neach picture   {output / 'scores.jsonl'}")


def evaluate(judge: Judge, networks: Networks, crops: Crops, folder: Path, options: argparse.Namespace) -> str:
    """Judges `crops` and writes all files to `folder`; returns the tables."""
    numbers, skipped = list(spread(len(crops), options.limit)), []
    scores: dict[str, list[Scores]] = {}
    features: dict[str, list[np.ndarray]] = {}
    order: list[tuple[float, int]] = []
    enlarged = 0

    def skip(number: int) -> None:
        skipped.append(crops.why_not(number))
        tqdm.write(f"skipped {skipped[-1]}", file=sys.stderr)

    with (folder / "scores.jsonl").open("w") as lines:
        for one in tqdm(judge.judge(crops, numbers, skip), total=len(numbers), unit=" pictures"):
            lines.write(json.dumps(_line(one)) + "\n")
            order.append((one.scores[judge.painter]["psnr_unknown"], one.number))
            enlarged += one.crop.enlarged
            for system, row in one.scores.items():
                scores.setdefault(system, []).append(row)
            for system, row in one.features.items():
                features.setdefault(system, []).append(row)
    if not order:
        raise InputError(f"none of the {len(numbers)} pictures of --data {options.data} is readable")
    means = {system: summary.means(some) for system, some in scores.items()}
    facts = _facts(crops.generator, options, len(order), enlarged, skipped)
    perceived = perceptual.rows(networks, features, means)
    found = {**facts, "scores": summary.as_json(means), "perceptual": perceived}
    files.write_text(folder / "summary.json", json.dumps(found, indent=2) + "\n")
    parts = [page.table([["", ""], *([str(k), str(v)] for k, v in facts.items() if not isinstance(v, list))], "text")]
    table = summary.rows(means)
    parts += [page.heading("Scores"), page.table(table), page.paragraph(summary.EXPLANATION, "note")]
    parts += [page.heading("Perceptual distances, over the canvas: lower is better"), page.table(perceived)]
    for title, chosen in _choose([number for _, number in sorted(order)]).items():
        sheet = _sheet(judge, list(judge.judge(crops, chosen)))
        write_png(folder / f"{title}.png", sheet)
        parts += [page.heading(f"The {title}, by PSNR of the unknown region"), page.picture(sheet, f"the {title}")]
    if skipped:
        parts += [page.heading("Not readable"), page.table([["picture"], *([name] for name in skipped)], "text")]
    files.write_text(folder / "report.html", page.page(f"{judge.painter} on {options.data}", parts))
    return f"{summary.markdown(table)}\n\n{summary.markdown(perceived)}"


def _networks(options: argparse.Namespace) -> Networks:
    inception = files.expand(options.inception, "--inception") if options.inception is not None else None
    return perceptual.read_networks(inception, [files.expand(file, "--lpips") for file in options.lpips or []])


def _line(one: Judged) -> dict[str, Any]:
    rows, columns = np.nonzero(one.crop.mask[..., 0] < 0.5)
    known = {"top": int(rows[0]), "left": int(columns[0])}
    return {"picture": one.crop.name, "known": known, **{name: summary.finite(row) for name, row in one.scores.items()}}


def _facts(
    generator: Generator, options: argparse.Namespace, count: int, enlarged: int, skipped: list[str]
) -> dict[str, Any]:
    (height, width), (canvas_height, canvas_width) = generator.known, generator.canvas
    return {
        "checkpoint": options.checkpoint,
        "data": options.data,
        "pictures": count,
        **({"enlarged": f"{enlarged} of them, smaller than the canvas"} if enlarged else {}),
        "seed": options.seed,
        "known": f"{width}x{height}, placed: {generator.margins}",
        "canvas": f"{canvas_width}x{canvas_height} (width x height), the largest central window of each picture",
        "skipped": skipped,
    }


def _choose(worst_first: list[int]) -> dict[str, list[int]]:
    """Returns the numbers of the worst, the median and the best pictures; of few, none is on two sheets."""
    count = max(1, min(_SHOWN, len(worst_first) // 3))
    middle = math.floor((len(worst_first) - count) / 2)
    chosen = worst_first[:count], worst_first[middle : middle + count], worst_first[::-1][:count]
    return dict(zip(_SHEETS, chosen, strict=True))


def _sheet(judge: Judge, shown: list[Judged]) -> np.ndarray:
    truth = np.stack([one.crop.image for one in shown])
    masks = np.stack([one.crop.mask for one in shown])
    columns = {"known": sheets.known_on_grey(truth, masks)}
    columns |= {name: np.stack([one.completed[name] for one in shown]) for name in shown[0].completed}
    return sheets.contact_sheet(columns | {"truth": truth})


def _check_output(output: Path, force: bool) -> None:
    if output.is_file():
        raise InputError(f"--output is the file {output}; it takes a folder")
    if output.is_dir() and any(output.iterdir()):
        if not force:
            raise InputError(f"--output {output} exists and is not empty; --force replaces its report")
        others = sorted({file.name for file in output.iterdir()} - _FILES)
        if others:
            raise InputError(f"--output {output} holds {others[0]}, which is no part of a report, and is not replaced")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("interrupted; nothing was written")
