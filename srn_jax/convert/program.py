"""What `python -m srn_jax.convert` does: a checkpoint of the authors' TensorFlow-1 program becomes one of ours."""

import argparse
import math
import re
import shlex
from pathlib import Path
from typing import Any

import jax
import numpy as np

from srn_jax import config as settings
from srn_jax.convert import release
from srn_jax.convert.bundle import Bundle, find_prefix
from srn_jax.errors import InputError
from srn_jax.generators.generator import Generator
from srn_jax.generators.writing import write_checkpoint
from srn_jax.models.layers import attributes
from srn_jax.programs import files
from srn_jax.train.optimizer import ReleaseAdamState

_CORRECTED = 800  # updates after which Adam's correction is 1 in float32, and the powers in the file may be 0


def run(options: argparse.Namespace) -> None:
    """Writes the checkpoint, and prints the report; raises InputError where what is given does not fit."""
    if options.rho is not None and not 0.0 <= options.rho <= 1.0:
        raise InputError(f"--rho is {options.rho}; it takes a number in [0, 1]")
    with files.creating(files.expand(options.output, "--output")) as folder:
        report = convert(options, folder)
    print(report)


def convert(options: argparse.Namespace, folder: Path) -> str:
    """Writes the checkpoint to `folder`, which becomes --output later; returns the program's report.

    Raises:
      InputError: the checkpoint cannot be read, or is none of the release.
    """
    prefix = find_prefix(options.tf_checkpoint)
    bundle = Bundle(prefix)
    asked = release.Asked(
        model=options.model and options.model.replace("-", "_"),
        ratio=options.ratio,
        known=options.known,
        placement=options.placement,
        normalization=options.normalization,
        rho=options.rho,
    )
    found = release.read_architecture({name: entry.shape for name, entry in bundle.entries.items()}, asked)
    trees = release.parameters(_read(bundle, ""))
    rest, told = _read_training(bundle, found, trees)
    generator = Generator(trees["generator"], found.generator, found.known, found.canvas, found.placement)
    write_checkpoint(folder / "checkpoints" / str(_step(prefix)), generator, rest)
    count = sum(leaf.size for leaf in jax.tree.leaves(trees["generator"]))
    output = shlex.quote(options.output)
    next_step = "train on from it" if found.critics else "fine-tune its generator, with critics that start afresh"
    return (
        f"read      {prefix}: {type(found.generator).__name__}, width {_width(found)}, {count:,} parameters, "
        f"{found.known[0]}x{found.known[1]} -> {found.canvas[0]}x{found.canvas[1]}\n"
        f"assumed   {'; '.join(found.assumed) or 'nothing'}\n"
        f"training  {told}\n"
        f"wrote     {options.output}\n\n"
        "extrapolate with it:\n"
        f"  python -m srn_jax.infer --checkpoint {output} --input PHOTO.jpg --output extrapolated.png\n"
        f"{next_step}:\n"
        f"  python -m srn_jax.main {' '.join(_training_flags(found, output))}"
    )


def _read(bundle: Bundle, slot: str) -> dict[str, np.ndarray]:
    """Returns the networks' variables, or a slot of theirs, for RGB."""
    arrays = {}
    for name in bundle.entries:
        variable = name.removesuffix(slot)
        if name.endswith(slot) and release.place(variable) is not None and variable in bundle.entries:
            if bundle.entries[name].shape != bundle.entries[variable].shape:
                raise InputError(f"{name} has shape {bundle.entries[name].shape}, its variable another")
            value = release.to_rgb(variable, bundle.read(name))
            if not np.isfinite(value).all():
                raise InputError(f"{name} holds values that are NaN or infinite: its training diverged")
            arrays[name] = np.ascontiguousarray(value, np.float32)
    return arrays


def _read_training(bundle: Bundle, found: release.Architecture, trees: dict[str, Any]) -> tuple[dict | None, str]:
    """Returns what training goes on from, as items of a state, None where there is nothing; and that in words."""
    rest: dict[str, Any] = {"critics": {name: trees[name] for name in found.critics}} if found.critics else {}
    moments = {field: release.parameters(_read(bundle, slot), slot) for field, slot in release.SLOTS.items()}
    told = ["critics" if found.critics else "no critics"]
    for part, name, networks in (
        ("adam_generator", "the generator's Adam", ("generator",)),
        ("adam_critics", "the critics' Adam", tuple(found.critics)),
    ):
        missing = release.missing_slots(bundle.entries, networks)
        if not networks:
            continue
        if missing:
            told.append(f"not {name} ({missing[0]} is missing)")
            continue
        trees_of = {field: {name: moments[field][name] for name in networks} for field in moments}
        alone = {field: tree["generator"] if part == "adam_generator" else tree for field, tree in trees_of.items()}
        rest[part] = ReleaseAdamState(**alone)
        told.append(name)
    if not rest:
        return None, "generator alone: no critics and no Adam in this checkpoint; fine-tuning starts these afresh"
    rest["params"] = trees["generator"]
    power = bundle.entries.get(release.BETA_POWER)
    if power and power.shape == ():
        rest["updates"] = np.int32(_updates(float(bundle.read(release.BETA_POWER))))
        told.append(f"{rest['updates']} updates" if rest["updates"] < _CORRECTED else f"{_CORRECTED} updates or more")
    return rest, ", ".join(told)


def _updates(power: float) -> int:
    """Returns how many updates Adam has made: TensorFlow keeps beta2 to the power of one more."""
    beta2 = settings.Adam().beta2
    if not 0.0 <= power <= beta2 * 1.0001:
        raise InputError(f"{release.BETA_POWER} is {power}, no power of the release's beta2, {beta2}")
    if power < beta2**_CORRECTED:
        return _CORRECTED
    return round(math.log(power) / math.log(beta2)) - 1


def _step(prefix: Path) -> int:
    """Returns the training step in the checkpoint's name, such as snap-1000, or 0."""
    number = re.search(r"-(\d+)$", prefix.name)
    return int(number[1]) if number else 0


def _width(found: release.Architecture) -> int:
    return found.generator.width  # pyright: ignore[reportAttributeAccessIssue]


def _training_flags(found: release.Architecture, target: str) -> list[str]:
    """Returns the main program's flags for a run that starts from what was converted."""
    model = attributes(found.generator)
    wanted = {f"model.{name}": model[name] for name in ("width", "expansion", "normalization", "rho") if name in model}
    wanted |= {"model.name": "srn" if "ratio" in model else "srn_hr"}
    wanted |= {f"geometry.{name}": getattr(found, name) for name in ("known", "canvas", "placement")}
    if found.critics:
        wanted["critic.width"] = next(iter(found.critics.values())).width  # pyright: ignore[reportAttributeAccessIssue]
    usual = settings.resolve(settings.Config(numerics="release"))
    flags = ["--config=configs/folder.py", "--config.numerics=release", f"--config.run.start_from={target}"]
    for name, value in wanted.items():
        if settings.get_setting(usual, name) != value:
            shown = f'"{value}"' if isinstance(value, tuple) else value
            flags.append(f"--config.{name}={shown}")
    return [*flags, "--config.reconstruction.steps=0", "--config.data.path=FOLDER", "--workdir=runs/continued"]
