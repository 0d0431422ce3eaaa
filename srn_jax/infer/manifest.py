"""What was made of a folder, in JSON beside the outputs: by which weights and settings, so that the work can go on."""

import contextlib
import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from srn_jax.errors import InputError
from srn_jax.generators.generator import Generator, architecture
from srn_jax.infer.jobs import Job, check_free
from srn_jax.programs import files

NAME = "manifest.json"
_SAVE_EVERY_SECONDS = 2.0  # or so many times what the last save took, of a large folder or among many processes
_SAVES = 20


class Manifest:
    """The record of one folder of outputs, which several processes may keep, each of its own pictures.

    `begin` first, and `save` at the end, whatever happened.
    """

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        """Keeps the record in `folder`; `settings` are all that the outputs follow from, as JSON can hold it."""
        self._file = folder / NAME
        self._settings = settings
        self._pictures: dict[str, dict[str, Any]] = {}
        self._own: set[str] = set()  # outputs that this process records
        self._saved, self._pause = time.monotonic(), _SAVE_EVERY_SECONDS

    def begin(self, jobs: list[Job], own: list[Job], *, anew: bool) -> None:
        """Goes on with the record, or begins one, and lists the outputs that are to come.

        So a run goes on that was killed between an output and its record.

        Args:
          jobs: of the whole folder.
          own: those that this process does.
          anew: forget what is recorded of them, and all that was made with other settings; outputs may be replaced.

        Raises:
          InputError: the record is of other settings, or cannot be read; outputs are there that it does not list.
        """
        self._own = {self._output(job) for job in own}
        with self._in_turn():
            if self._file.exists():
                try:
                    self._pictures = self._recorded()
                except InputError:
                    if not anew:
                        raise
            if anew:
                alone = len(own) == len(jobs)
                self._pictures = {} if alone else {o: made for o, made in self._pictures.items() if o not in self._own}
            else:
                check_free([job for job in jobs if self._output(job) not in self._pictures])
            for job in jobs:
                self._pictures.setdefault(self._output(job), {"input": str(job.source), "output": self._output(job)})
            self._write()

    def _recorded(self) -> dict[str, dict[str, Any]]:
        try:
            found = files.read_json(self._file)
            settings, pictures = dict(found["settings"]), {str(one["output"]): dict(one) for one in found["pictures"]}
            if not all(isinstance(one.get("written", {}), dict) for one in pictures.values()):
                raise ValueError("'written' is no table")
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{self._file} cannot be read ({error}); --force begins anew") from error
        changed = [key for key in {**settings, **self._settings} if settings.get(key) != self._settings.get(key)]
        if changed:
            words = ", ".join(f"{key} {settings.get(key)} and now {self._settings.get(key)}" for key in sorted(changed))
            raise InputError(
                f"the outputs in {self._file.parent} were made with other settings: {words}; --force replaces"
            )
        return pictures

    def has(self, job: Job) -> bool:
        """Returns whether the output is there as it was written, made of what the input is now."""
        made = self._pictures.get(self._output(job), {})
        try:
            return "sha256" in made and self.is_whole(job) and made["sha256"] == _digest(job.source)
        except InputError:  # which is told when it is to be painted
            return False

    def is_changed(self, job: Job) -> bool:
        """Returns whether the output was written, and what lies there now is not what was."""
        return "sha256" in self._pictures.get(self._output(job), {}) and job.target.exists() and not self.is_whole(job)

    def is_whole(self, job: Job) -> bool:
        """Returns whether the output is there as it was written."""
        made = self._pictures.get(self._output(job), {}).get("written", {})
        try:
            return job.target.stat().st_size == made.get("bytes") and _digest(job.target) == made.get("sha256")
        except (OSError, InputError):
            return False

    def add(self, job: Job, facts: dict[str, Any]) -> None:
        """Records an output that was written; saves now and then.

        Args:
          job: the picture, which may have changed since it was read.
          facts: what was made of it, and `sha256`, of the file as it was read.
        """
        output = self._output(job)
        written = {"bytes": job.target.stat().st_size, "sha256": _digest(job.target)}
        self._pictures[output] = {"input": str(job.source), "output": output, **facts, "written": written}
        if time.monotonic() - self._saved > self._pause:
            self.save()

    def _output(self, job: Job) -> str:
        return str(job.target.relative_to(self._file.parent))

    def save(self) -> None:
        """Writes the record, with what other processes have written of their pictures."""
        began = time.monotonic()
        with self._in_turn():
            if self._file.exists():
                self._pictures |= {o: made for o, made in self._recorded().items() if o not in self._own}
            self._write()
        self._saved = time.monotonic()
        self._pause = max(_SAVE_EVERY_SECONDS, _SAVES * (self._saved - began))

    @contextlib.contextmanager
    def _in_turn(self) -> Iterator[None]:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with files.in_turn(self._file.parent):
                yield
        except OSError as error:
            raise InputError(f"cannot write {self._file}: {error.strerror or error}") from error

    def _write(self) -> None:
        found = {"settings": self._settings, "pictures": [one for _, one in sorted(self._pictures.items())]}
        files.write_text(self._file, json.dumps(found, indent=2) + "\n")


def digest_of(generator: Generator) -> str:
    """Returns the SHA-256 of a generator's architecture and weights."""
    digest = hashlib.sha256(json.dumps(architecture(generator), sort_keys=True).encode())
    for leaf in jax.tree.leaves(generator.params):
        digest.update(np.asarray(leaf).tobytes())
    return digest.hexdigest()


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
