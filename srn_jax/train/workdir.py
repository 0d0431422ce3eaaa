"""A run's folder remembers the configuration that it was started with, and refuses one that would not continue it."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from srn_jax import files
from srn_jax.config import Config
from srn_jax.errors import InputError

# What may change between two starts of one run; everything else would make it another experiment.
_CHANGEABLE = (
    "reconstruction.steps",
    "adversarial.steps",
    "data.path",
    "data.held_out_path",
    "data.threads",
    "data.prefetch",
    "loss.vgg",
    "run.log_every_steps",
    "run.image_every_steps",
    "run.evaluate_every_steps",
    "run.save_every_steps",
    "run.keep_newest",
    "run.keep_best",
    "run.max_unreadable",
)


def claim(workdir: Path, config: Config) -> None:
    """Makes `workdir` the folder of `config`'s run; raises InputError with the differences where it is another's."""
    try:
        workdir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the workdir {workdir}: {error.strerror}") from error
    record = workdir / "config.json"
    settings = _flatten(json.loads(json.dumps(dataclasses.asdict(config))))
    if record.exists():
        before = _flatten(json.loads(record.read_text()))
        differing = [
            f"{name} was {before.get(name)!r}, is {settings.get(name)!r}"
            for name in sorted(before.keys() | settings.keys())
            if before.get(name) != settings.get(name) and name not in _CHANGEABLE
        ]
        if differing:
            raise InputError(
                f"{workdir} belongs to a run with other settings ({'; '.join(differing)}); "
                "give another --workdir, or the settings as they were"
            )
    files.write_text(record, json.dumps(dataclasses.asdict(config), indent=2) + "\n")


def _flatten(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        flat |= _flatten(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat
