"""A run's folder remembers the configuration that it was started with, and refuses one that would not continue it."""

import contextlib
import dataclasses
import json
from pathlib import Path
from typing import Any, TextIO

from srn_jax.config import Config, former_names, resolve
from srn_jax.errors import InputError
from srn_jax.programs import files
from srn_jax.programs.lock import lock

_RECORD = "config.json"

# Where files lie, and how they are read: what may differ even between the hosts of one run.
READING = ("data.path", "data.held_out_path", "data.threads", "data.workers", "data.prefetch", "loss.vgg")

# What may change between two starts of one run; everything else would make it another experiment.
_CHANGEABLE = (
    *READING,
    "parallel",
    "compute.remat",
    "run.log_every_steps",
    "run.image_every_steps",
    "run.evaluate_every_steps",
    "run.save_every_steps",
    "run.keep_newest",
    "run.keep_best",
    "run.max_unreadable",
)


def claim(workdir: Path, config: Config, inputs: dict[str, str]) -> TextIO:
    """Makes `workdir` the folder of `config`'s run on `inputs`, fingerprints of photographs and weights by their part.

    The file that is returned locks the folder until it is closed, or its process has ended in whatever way.

    Raises:
      InputError: the folder belongs to another run, with the differences; is in use; or cannot be written.
    """
    check(workdir, config, inputs)  # before anything is written
    with contextlib.ExitStack() as stack:
        try:
            workdir.mkdir(parents=True, exist_ok=True)
            held = stack.enter_context(lock(workdir / ".lock", str(workdir), "give another --workdir"))
            described = check(workdir, config, inputs)  # whoever held the lock may have made it another run's
            files.write_text(workdir / _RECORD, json.dumps(described, indent=2) + "\n")
        except OSError as error:
            raise InputError(f"cannot use the workdir {workdir}: {error.strerror}") from error
        stack.pop_all()
    return held


def check(workdir: Path, config: Config, inputs: dict[str, str]) -> dict[str, Any]:
    """Returns what describes the run, as JSON holds it; raises InputError where `workdir` belongs to another."""
    record = workdir / _RECORD
    described = _as_json(config) | {"inputs": inputs}
    try:
        before = flatten(json.loads(record.read_text())) if record.exists() else None
    except OSError as error:
        raise InputError(f"cannot use the workdir {workdir}: {error.strerror}") from error
    except (ValueError, RecursionError, AttributeError) as error:  # no JSON, nested too deep, or no settings
        raise InputError(f"{record} is damaged ({error}); put it right, or give another --workdir") from error
    if before is None and has_checkpoint(workdir):
        raise InputError(
            f"{workdir} holds checkpoints but no config.json: it is no run's workdir, but perhaps what srn_jax.convert "
            f"wrote; give --config.run.start_from={workdir} and another --workdir"
        )
    if before is not None:
        # A setting that has come since the run was started is what it was without.
        numerics = before.get("numerics", Config().numerics)
        former = former_names()
        before = flatten(_as_json(resolve(Config(numerics=numerics)))) | {
            former.get(k, k): v for k, v in before.items()
        }
        settings, changeable = flatten(described), [*_CHANGEABLE]
        if config.adversarial.schedule == "constant":  # others fall towards the last step
            changeable.append("adversarial.steps")
        if config.loss.mrf != "release":  # whose mean is taken over a part
            changeable.append("compute.accumulate")
        differing = [
            f"{name} was {before.get(name)!r}, is {settings.get(name)!r}"
            for name in sorted(before.keys() | settings.keys())
            if before.get(name) != settings.get(name) and name not in changeable
        ]
        if differing:
            raise InputError(
                f"{workdir} belongs to a run with other settings ({'; '.join(differing)}); "
                "give another --workdir, or the settings as they were"
            )
    return described


def _as_json(config: Config) -> dict[str, Any]:
    """Returns the settings as JSON gives them back: with lists for tuples."""
    return json.loads(json.dumps(dataclasses.asdict(config)))


def has_checkpoint(workdir: Path) -> bool:
    """Returns whether a run in `workdir` has saved anything that it would continue from."""
    return any(child.name.isdecimal() for child in (workdir / "checkpoints").glob("*"))


def flatten(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns nested settings by their dotted names."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        flat |= flatten(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat
