"""What `python -m srn_jax.experiments` does: a table or figure of the paper, trained, judged and shown."""

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
from srn_jax.errors import InputError
from srn_jax.evaluate.crops import CanvasCrops
from srn_jax.evaluate.summary import markdown
from srn_jax.experiments import page
from srn_jax.experiments.judgement import PLACES, PlacedCrops, RowJudgement, fills_of_all, judge, time_passes
from srn_jax.experiments.rows import EXPERIMENTS, Experiment, get_config, same_run
from srn_jax.experiments.runs import Training
from srn_jax.generators.generator import Generator
from srn_jax.generators.loading import load_generator
from srn_jax.pictures.arrays import write_png
from srn_jax.pictures.folders import check_outside
from srn_jax.programs import allocator, files


def run(options: argparse.Namespace) -> int:
    """Trains, judges, and writes the page; returns the exit status: 0, or 1 where some rows failed.

    Raises:
      InputError: what is given does not fit, or no row could be trained.
    """
    allocator.keep_freed_memory()
    experiment = EXPERIMENTS[options.name]
    output = files.expand(options.output, "--output").absolute()
    held_out = _split(options, output)
    _check_vgg(options, experiment)
    runs = _runs(options, experiment, output)
    failures = _train(runs, experiment)
    table, written = _show(options, experiment, runs, failures, held_out, output)
    print(f"{table}\n\nlook at   {written}")
    return 1 if failures else 0


def _split(options: argparse.Namespace, output: Path) -> Files:
    """Lists the pictures of training and the held-out ones in files of `output`; returns the latter.

    Raises:
      InputError: as the sources do; or `output` belongs to other pictures.
    """
    given = {"--data": options.data, "--held-out": options.held_out}
    paths = {name: files.expand(path, name) for name, path in given.items() if path is not None}
    for name, path in paths.items():
        check_outside(output, path, "--output", name)
    lists = [path.is_file() for path in paths.values()]
    if any(lists) and not all(lists):
        raise InputError("one of --data and --held-out is a list and the other a folder; they take two of a kind")
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


def _runs(options: argparse.Namespace, experiment: Experiment, output: Path) -> dict[str, list[Training]]:
    """Returns the runs of each row by its label, a seed each."""
    settings = [
        "--config.data.source=list",
        f"--config.data.path={output / 'train.txt'}",
        f"--config.data.held_out_path={output / 'held_out.txt'}",
        f"--config.loss.vgg={options.vgg}",
        *([f"--compilation_cache={options.compilation_cache}"] if options.compilation_cache else []),
        *options.settings,
    ]
    found: dict[str, list[Training]] = {}
    for row, label in experiment.rows.items():
        first = same_run(row)
        found[label] = [
            Training(
                first,
                options.scale,
                output / "runs" / options.scale / f"{first}_{seed}",
                (f"--config.run.seed={seed}", *settings),
            )
            for seed in range(options.seeds)
        ]
    return found


def _train(runs: Mapping[str, list[Training]], experiment: Experiment) -> dict[str, str]:
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
    runs: Mapping[str, list[Training]],
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


def _judge_rows(trained: Mapping[str, list[Generator]], held_out: Files, shown: int) -> dict[str, RowJudgement]:
    crops = {label: CanvasCrops(held_out, generators[0], 0) for label, generators in trained.items()}
    judged = {label: judge(generators, crops[label], shown) for label, generators in trained.items()}
    seconds = time_passes({label: some[0] for label, some in trained.items()}, next(iter(crops.values())))
    for label, one in judged.items():
        one.seconds = seconds[label]
    return judged


def _judge_places(generators: list[Generator], held_out: Files, shown: int) -> dict[str, RowJudgement]:
    judged = {place: judge(generators, PlacedCrops(held_out, generators[0], place), shown) for place in PLACES}
    seconds = time_passes({"": generators[0]}, CanvasCrops(held_out, generators[0], 0))[""]
    everywhere = fills_of_all(judged.values())
    for one in judged.values():
        one.seconds, one.fills = seconds, everywhere
    return judged


def _size(size: tuple[int, int]) -> str:
    return f"{size[1]}x{size[0]}"
