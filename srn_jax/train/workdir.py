"""A run's folder remembers the configuration that it was started with, and refuses one that would not continue it."""

import contextlib
import dataclasses
import errno
import fcntl
import json
import os
import socket
import time
from pathlib import Path
from typing import Any, TextIO

from absl import logging

from srn_jax import files
from srn_jax.config import Config
from srn_jax.errors import InputError

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
            lock = stack.enter_context(_lock(workdir))
            described = check(workdir, config, inputs)  # whoever held the lock may have made it another run's
            files.write_text(workdir / _RECORD, json.dumps(described, indent=2) + "\n")
        except OSError as error:
            raise InputError(f"cannot use the workdir {workdir}: {error.strerror}") from error
        stack.pop_all()
    return lock


def check(workdir: Path, config: Config, inputs: dict[str, str]) -> dict[str, Any]:
    """Returns what describes the run, as JSON holds it; raises InputError where `workdir` belongs to another."""
    record = workdir / _RECORD
    described = json.loads(json.dumps(dataclasses.asdict(config) | {"inputs": inputs}))
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


def _lock(workdir: Path) -> TextIO:
    """Returns the folder's lock file, locked; raises InputError where another process holds it."""
    file = (workdir / ".lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EACCES):  # a file system that knows no locks
            logging.warning("%s cannot be locked (%s): see to it that no second run uses it", workdir, error.strerror)
            return file
        file.seek(0)
        holder = file.read().strip() or "another process"
        file.close()
        raise InputError(f"{workdir} is in use by {holder}; wait for it, stop it, or give another --workdir") from error
    file.truncate(0)
    file.write(f"process {os.getpid()} on {socket.gethostname()}, since {time.strftime('%Y-%m-%d %H:%M:%S')}")
    file.flush()
    return file


def has_checkpoint(workdir: Path) -> bool:
    """Returns whether a run in `workdir` has saved anything that it would continue from."""
    return any(child.name.isdecimal() for child in (workdir / "checkpoints").glob("*"))


def flatten(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns nested settings by their dotted names."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        flat |= flatten(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat
