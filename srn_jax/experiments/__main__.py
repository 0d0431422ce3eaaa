"""`python -m srn_jax.experiments`: a table or figure of the paper, trained, judged and shown by one command."""

import argparse
import json
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from srn_jax import vgg
from srn_jax.config import Data, feature_layers, resolve
from srn_jax.data.photographs import Files
from srn_jax.data.sources import folder, listed
from srn_jax.errors import InputError, fail, refused
from srn_jax.evaluate.crops import CanvasCrops
from srn_jax.evaluate.summary import markdown
from srn_jax.experiments import page
from srn_jax.experiments.judgement import PLACES, Judged, PlacedCrops, fills_of_all, judge, time_passes
from srn_jax.experiments.rows import EXPERIMENTS, SCALES, Experiment, get_config, same_run
from srn_jax.experiments.runs import Run
from srn_jax.generators.generator import Generator
from srn_jax.generators.loading import load_generator
from srn_jax.pictures.arrays import write_png
from srn_jax.pictures.folders import check_outside
from srn_jax.programs import allocator, cache, files, interruption
from srn_jax.programs.commandline import Parser

_EXAMPLES = """examples:
  fig9 --data photos/ --vgg weights/vgg19.h5
  fig8 --data train/ --held_out test/ --seeds 3 --output runs/paper
  fig8 --data train.txt --scale paper -- --config.compute.dtype=bfloat16

experiments:
"""
_MOST_SEEDS, _MOST_SHOWN = 100, 100


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Returns the command line's options; ends the program where they are wrong."""
    parser = Parser(
        prog="python -m srn_jax.experiments",
        usage="%(prog)s NAME --data FOLDER [options] [-- --config.SETTING=VALUE ...]",
        description="Trains every row of a table or figure of the paper, judges all on the same held-out pictures with "
        "the same known parts, and writes one page with the table, the figure and the commands. Rows that are trained "
        "are not trained again, and those of several figures once; the same command goes on where it was stopped.",
        epilog=_EXAMPLES + "\n".join(f"  {name:<8} {one.title}" for name, one in EXPERIMENTS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("name", metavar="NAME", choices=list(EXPERIMENTS), help=f"one of {', '.join(EXPERIMENTS)}")
    add("--data", required=True, metavar="FOLDER", help="photographs, or a text file with a path a line")
    add("--held_out", metavar="FOLDER", help="those that are judged, likewise (default: the last 64 of --data by name)")
    add(
        "--scale",
        choices=SCALES,
        default="small",
        help="paper: its sizes and steps, for GPUs; small: 32x32 -> 64x64 and a quarter of the widths, for two CPU "
        "cores (default small)",
    )
    add("--seeds", type=int, default=1, metavar="N", help="train each row N times, and tell the spread (default 1)")
    add("--vgg", default="weights/vgg19.h5", metavar="FILE", help="VGG-19's filters (default weights/vgg19.h5)")
    add("--pictures", type=int, default=6, metavar="N", help="in the figure, spread over the held-out ones (default 6)")
    add("--output", default="runs/experiments", metavar="DIR", help="of runs and pages (default runs/experiments)")
    add("--compilation_cache", metavar="DIR", help=cache.ARGPARSE_HELP)
    own, settings = sys.argv[1:] if arguments is None else arguments, []
    if "--" in own:  # argparse takes what is behind it for more of NAME
        own, settings = own[: own.index("--")], own[own.index("--") + 1 :]
    options = parser.parse_args(own)
    options.settings = settings
    parser.check_range(options, "seeds", 1, _MOST_SEEDS, f"1 to {_MOST_SEEDS}")
    parser.check_range(options, "pictures", 1, _MOST_SHOWN, f"1 to {_MOST_SHOWN}")
    for setting in options.settings:
        if not setting.startswith("--config.") or "=" not in setting:
            parser.error(f"unexpected argument {setting!r}; settings are given as -- --config.SETTING=VALUE")
    return options


def main(arguments: list[str] | None = None) -> None:
    """Runs the program."""
    options = parse(arguments)
    allocator.keep_freed_memory()
    cache.keep_programs(options.compilation_cache)
    experiment = EXPERIMENTS[options.name]
    try:
        output = files.expand(options.output, "--output").absolute()
        held_out = _split(options, output)
        _check_vgg(options, experiment)
        runs = _runs(options, experiment, output)
        failures = _train(runs, experiment)
        table, written = _show(options, experiment, runs, failures, held_out, output)
    except InputError as error:
        fail(error)
    except OSError as error:
        fail(refused(error, options.output))
    print(f"{table}\n\nlook at   {written}")
    if failures:
        sys.exit(1)


def _split(options: argparse.Namespace, output: Path) -> Files:
    """Lists the pictures of training and the held-out ones in files of `output`; returns the latter.

    Raises:
      InputError: as the sources do; or `output` belongs to other pictures.
    """
    given = {"--data": options.data, "--held_out": options.held_out}
    paths = {name: files.expand(path, name) for name, path in given.items() if path is not None}
    for name, path in paths.items():
        check_outside(output, path, "--output", name)
    lists = [path.is_file() for path in paths.values()]
    if any(lists) and not all(lists):
        raise InputError("one of --data and --held_out is a list and the other a folder; they take two of a kind")
    data = Data(path=str(options.data), held_out_path=options.held_out or "")
    training, held_out = (listed if any(lists) else folder)(data)
    output.mkdir(parents=True, exist_ok=True)
    for name, some in (("train.txt", training), ("held_out.txt", held_out)):
        assert isinstance(some, Files)
        text = b"".join(os.fsencode(path.absolute()) + b"\n" for path in some.paths)  # names need be no UTF-8
        if (output / name).exists() and (output / name).read_bytes() != text:
            raise InputError(f"--output {output} has runs on other pictures, listed in its {name}; give another")
        with files.replacing(output / name) as part:
            part.write_bytes(text)
    assert isinstance(held_out, Files)
    return held_out


def _check_vgg(options: argparse.Namespace, experiment: Experiment) -> None:
    """Raises InputError where no row could read its filters, before hours of training."""
    for row in experiment.rows:
        config = resolve(get_config(f"{row},{options.scale}"))
        if config.adversarial.steps and feature_layers(config.loss) and options.vgg != "random":
            vgg.load(options.vgg, feature_layers(config.loss))


def _runs(options: argparse.Namespace, experiment: Experiment, output: Path) -> dict[str, list[Run]]:
    """Returns the runs of each row by its label, a seed each."""
    settings = [
        "--config.data.source=list",
        f"--config.data.path={output / 'train.txt'}",
        f"--config.data.held_out_path={output / 'held_out.txt'}",
        f"--config.loss.vgg={options.vgg}",
        *([f"--compilation_cache={options.compilation_cache}"] if options.compilation_cache else []),
        *options.settings,
    ]
    found: dict[str, list[Run]] = {}
    for row, label in experiment.rows.items():
        first = same_run(row)
        found[label] = [
            Run(
                first,
                options.scale,
                output / "runs" / options.scale / f"{first}_{seed}",
                (f"--config.run.seed={seed}", *settings),
            )
            for seed in range(options.seeds)
        ]
    return found


def _train(runs: Mapping[str, list[Run]], experiment: Experiment) -> dict[str, str]:
    """Trains what is not finished; returns by label why a row could not be trained."""
    failures = {}
    total, number = sum(map(len, runs.values())), 0
    for label, some in runs.items():
        for run in some:
            number += 1
            told = f"{experiment.title}: run {number} of {total}, {label}"
            if run.is_finished():
                print(f"{told}: is finished", file=sys.stderr)
                continue
            print(told, file=sys.stderr)
            if why := run.train():
                print(f"{told}: failed; the other rows go on", file=sys.stderr)
                failures[label] = why
    return failures


def _show(
    options: argparse.Namespace,
    experiment: Experiment,
    runs: Mapping[str, list[Run]],
    failures: Mapping[str, str],
    held_out: Files,
    output: Path,
) -> tuple[str, Path]:
    """Judges what is trained, and writes the page, the scores and the figure; returns the table and the page's path."""
    trained = {
        label: [load_generator(run.workdir) for run in some] for label, some in runs.items() if label not in failures
    }
    if not trained:
        raise InputError(f"no row could be trained: {next(iter(failures.values()))}")
    reference = experiment.rows[experiment.reference]
    if experiment.places:
        judged, reference = _judge_places(trained[reference], held_out, options.pictures), PLACES[len(PLACES) // 2]
    else:
        judged = _judge_rows(trained, held_out, options.pictures)
    rows = page.table(judged, reference, failures)
    sheet = (page.places if experiment.places else page.figure)(judged)
    config = resolve(get_config(f"{experiment.reference},{options.scale}"))
    facts = {
        "scale": options.scale,
        "known, canvas": f"{_size(config.geometry.known)}, {_size(config.geometry.canvas)} (width x height)",
        "steps": f"{config.reconstruction.steps:,} of reconstruction, {config.adversarial.steps:,} with all losses",
        "batch": f"{config.data.batch}",
        "width n of SRN": f"{config.model.width}",
        "seeds": f"{options.seeds}",
        "held-out pictures": f"{len(held_out)}",
        **({"settings": " ".join(options.settings)} if options.settings else {}),
    }
    again = shlex.join(["python", "-m", "srn_jax.experiments", *sys.argv[1:]])
    commands = [again, *(run.command() for some in runs.values() for run in some)]
    target = output / f"{options.name}.html"
    write_png(target.with_suffix(".png"), sheet)
    found = page.as_json(judged, reference, failures)
    files.write_text(target.with_suffix(".json"), json.dumps({**facts, "rows": found}, indent=2) + "\n")
    files.write_text(target, page.write(experiment.title, experiment.claim, facts, rows, sheet, commands))
    return markdown(rows), target


def _judge_rows(trained: Mapping[str, list[Generator]], held_out: Files, shown: int) -> dict[str, Judged]:
    crops = {label: CanvasCrops(held_out, generators[0], 0) for label, generators in trained.items()}
    judged = {label: judge(generators, crops[label], shown) for label, generators in trained.items()}
    seconds = time_passes({label: some[0] for label, some in trained.items()}, next(iter(crops.values())))
    for label, one in judged.items():
        one.seconds = seconds[label]
    return judged


def _judge_places(generators: list[Generator], held_out: Files, shown: int) -> dict[str, Judged]:
    judged = {place: judge(generators, PlacedCrops(held_out, generators[0], place), shown) for place in PLACES}
    seconds = time_passes({"": generators[0]}, CanvasCrops(held_out, generators[0], 0))[""]
    everywhere = fills_of_all(judged.values())
    for one in judged.values():
        one.seconds, one.fills = seconds, everywhere
    return judged


def _size(size: tuple[int, int]) -> str:
    return f"{size[1]}x{size[0]}"


if __name__ == "__main__":
    interruption.run(main, "interrupted; the same command goes on")
