"""Checkpoints of a run: everything that it needs to go on, and beside it the generator that users load.

One is written beside its place, sealed, and then renamed: what bears a step's number is whole, whenever the run was
killed, and what has been damaged since is recognized.
"""

import errno
import math
import os
import shutil
import sys
import warnings
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any

import jax
import orbax.checkpoint as ocp
from absl import logging

from srn_jax.config import Run
from srn_jax.errors import InputError
from srn_jax.generators.generator import Generator
from srn_jax.generators.loading import PARAMETERS, root_cause
from srn_jax.generators.seal import check_seal, seal
from srn_jax.generators.writing import SCORES, STATE, items_of
from srn_jax.programs import files
from srn_jax.train import hosts
from srn_jax.train.state import TrainState

METRIC = "psnr_unknown"  # by which a checkpoint is the best
_METADATA_BYTES = 2_000_000  # what a checkpoint takes beside its arrays, and some more


class Checkpoints:
    """The checkpoints in `workdir/checkpoints`, one folder a step, saved in the background; all hosts call alike.

    Kept are the newest `run.keep_newest`, from which a run goes on, and the `run.keep_best` of highest held-out PSNR.
    """

    def __init__(self, workdir: Path, run: Run):
        self._folder = (workdir / "checkpoints").absolute()
        self._run = run
        self._checkpointer = ocp.AsyncCheckpointer(ocp.CompositeCheckpointHandler())
        self._thread = ThreadPoolExecutor(1)
        self._saving: tuple[int, Future[None]] | None = None
        self._folder.mkdir(parents=True, exist_ok=True)
        self._remove_leftovers()  # of a run that was killed

    @property
    def steps(self) -> list[int]:
        """The steps whose checkpoints are there, the newest first."""
        return sorted((int(child.name) for child in self._folder.glob("*") if child.name.isdecimal()), reverse=True)

    @property
    def newest(self) -> Path | None:
        """The newest finished checkpoint's folder."""
        return self._folder / str(self.steps[0]) if self.steps else None

    @property
    def best(self) -> tuple[float, str]:
        """The highest held-out PSNR of those that are there, in dB, and its folder; minus infinity if none has one."""
        scores = ((self._score(step), str(self._folder / str(step))) for step in self.steps)
        return max(((score, folder) for score, folder in scores if score is not None), default=(-math.inf, ""))

    def save(self, state: TrainState, generator: Generator, scores: dict[str, float] | None) -> None:
        """Saves `state` under its own step, in the background; waits for a save that is still under way.

        `generator` describes the architecture; its parameters are the state's average.

        Raises:
          InputError: this or the save before could not be written, with the reason and the last good checkpoint.
        """
        step = int(state.step)
        with hosts.agreeing(lambda: "there" if step in self.steps else None) as agreement:
            self.wait()
            needed = int(1.1 * sum(x.nbytes for x in jax.tree.leaves(state))) + _METADATA_BYTES
            try:
                _check_space(self._folder, needed)
            except OSError as error:
                raise self._not_saved(step, error) from error
        if agreement.wish:
            return
        rest = {name: value for name, value in vars(state).items() if name != "average"}
        items = items_of(rest, generator.replace(params=state.average), scores)
        try:
            self._checkpointer.save(self._beside(step), args=items)
        except Exception as error:  # orbax and tensorstore raise whatever the disk provokes
            raise self._not_saved(step, error) from error
        self._saving = step, self._thread.submit(self._finish, step)

    def _finish(self, step: int) -> None:
        """Waits until the files are written, and gives them their name."""
        self._checkpointer.wait_until_finished()
        if hosts.is_first():
            seal(self._beside(step))
            files.keep_all(self._beside(step))
            self._beside(step).rename(self._folder / str(step))
            self._prune()

    def _beside(self, step: int) -> Path:
        return self._folder / f".{step}.part"

    def _prune(self) -> None:
        scores = {step: score for step in self.steps if (score := self._score(step)) is not None}
        best = sorted(scores, key=lambda step: scores[step], reverse=True)[: self._run.keep_best]
        for step in set(self.steps) - {*self.steps[: self._run.keep_newest], *best}:
            old = self._folder / f".{step}.old"
            (self._folder / str(step)).rename(old)  # so that a kill never leaves half of it under its name
            shutil.rmtree(old, ignore_errors=True)

    def _score(self, step: int) -> float | None:
        found = (self._folder / str(step) / SCORES).glob("*")
        try:
            return next((float(files.read_json(file)[METRIC]) for file in found if file.is_file()), None)
        except (ValueError, KeyError, TypeError, OverflowError):  # damaged: of no merit, seen to when it is restored
            return None

    def restore(self, shapes: TrainState) -> TrainState | None:
        """Returns the newest checkpoint's state, or None where there is none.

        A damaged checkpoint is named in a warning and set aside, and the one before it is used.

        Args:
          shapes: a state of `jax.ShapeDtypeStruct`s with shardings, on whatever devices there are now.

        Raises:
          InputError: there are checkpoints, and none is whole; or one is, but not of this run.
        """
        steps, problems = self.steps, []
        hosts.same_everywhere([f"steps {steps}"], "checkpoints (the workdir must be on storage that all share)")
        for step in steps:
            folder = self._folder / str(step)
            damage = None
            try:
                check_seal(folder)
            except InputError as error:
                damage = str(error)
            if damage := hosts.any_host(damage):
                problems.append(f"{folder}: {damage}")
                logging.warning("checkpoint cannot be read, trying the one before: %s", problems[-1])
                continue
            restored = self._read(folder, shapes)
            self._set_aside(steps[: len(problems)])
            return restored
        if problems:
            raise InputError(f"none of {len(problems)} checkpoints can be read, the newest {problems[0]}")
        return None

    def _read(self, folder: Path, shapes: TrainState) -> TrainState:
        rest = {name: value for name, value in vars(shapes).items() if name != "average"}
        items: dict[str, Any] = {
            STATE: ocp.args.StandardRestore(rest),
            PARAMETERS: ocp.args.StandardRestore(shapes.average),
        }
        try:
            restored = self._checkpointer.restore(folder, args=ocp.args.Composite(**items))
        except Exception as error:  # whole, so it is no damage that another checkpoint would not have
            raise InputError(f"checkpoint {folder} is whole, but cannot be restored: {root_cause(error)}") from error
        return shapes.replace(average=restored[PARAMETERS], **restored[STATE])

    def _set_aside(self, steps: list[int]) -> None:
        """Renames damaged checkpoints to STEP.damaged: their steps will be saved again, and nothing is lost."""
        for step in steps if hosts.is_first() else ():
            folder = self._folder / str(step)
            shutil.rmtree(folder.with_suffix(".damaged"), ignore_errors=True)
            folder.rename(folder.with_suffix(".damaged"))
        hosts.any_host(None)  # none goes on before that is done

    def wait(self) -> None:
        """Waits for a save under way; raises InputError where it failed."""
        saving, self._saving = self._saving, None
        if saving is None:
            return
        step, future = saving
        try:
            future.result()
        except Exception as error:
            raise self._not_saved(step, error) from error

    def _not_saved(self, step: int, error: Exception) -> InputError:
        where = f"the last good one is {self.newest}" if self.newest else "there was none before"
        return InputError(f"the checkpoint of step {step} could not be saved: {root_cause(error)}; {where}")

    def _remove_leftovers(self) -> None:
        for leftover in self._folder.glob(".*") if hosts.is_first() else ():
            shutil.rmtree(leftover, ignore_errors=True)

    def close(self) -> None:
        """Waits for a save under way, and ends the saving."""
        try:
            self.wait()
        finally:
            self._thread.shutdown()
            self._checkpointer.close()
            self._remove_leftovers()  # of a save that failed


def quieten_orbax() -> None:
    """Keeps from the console what orbax and its threads print beside what they raise, and of every file they touch."""
    logging.set_verbosity(logging.WARNING)
    logging.get_absl_handler().addFilter(lambda record: not record.exc_info)
    warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
    print_exception, print_ignored = sys.excepthook, sys.unraisablehook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not _given_up(error):
            print_exception(kind, error, trace)

    def ignored(what: "sys.UnraisableHookArgs") -> None:
        if not _given_up(what.exc_value):
            print_ignored(what)

    sys.excepthook, sys.unraisablehook = hook, ignored


def _given_up(error: BaseException | None) -> bool:
    """Whether it tells of a read or write that nobody waits for any more, since another one failed."""
    return str(error).startswith(("Event loop is closed", "Encountered error while reading array"))


def _check_space(folder: Path, needed: int) -> None:
    """Raises OSError where the disk has less room: it is better not begun than broken off."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise OSError(
            f"{os.strerror(errno.ENOSPC)}: it takes about {needed / 1e6:,.1f} MB, {free / 1e6:,.1f} MB are free"
        )


def shapes_of(state: TrainState) -> TrainState:
    """Returns the state's shapes, dtypes and shardings, onto which a checkpoint is restored."""
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), state)
