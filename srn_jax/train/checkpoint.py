"""Checkpoints of a run: everything that it needs to go on, and beside it the generator that users load."""

import shutil
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from absl import logging
from orbax.checkpoint import checkpoint_managers as policies

from srn_jax.config import Run
from srn_jax.errors import InputError
from srn_jax.generator import ARCHITECTURE, PARAMETERS, Generator, architecture, root_cause
from srn_jax.store import check_arrays
from srn_jax.train.state import TrainState

STATE = "state"  # beside a generator's items: everything else that training goes on from
METRIC = "psnr_unknown"  # by which a checkpoint is the best


class Checkpoints:
    """The checkpoints in `workdir/checkpoints`, one folder a step, saved in the background.

    Kept are the newest `run.keep_newest`, from which a run goes on, and the `run.keep_best` of highest held-out PSNR.
    """

    def __init__(self, workdir: Path, run: Run):
        keep = [
            policies.LatestN(run.keep_newest),
            policies.BestN(
                get_metric_fn=lambda metrics: metrics[METRIC], n=run.keep_best, keep_checkpoints_without_metrics=False
            ),
        ]
        self._manager = ocp.CheckpointManager(
            (workdir / "checkpoints").absolute(),
            options=ocp.CheckpointManagerOptions(preservation_policy=policies.AnyPreservationPolicy(keep)),
        )

    @property
    def newest(self) -> Path | None:
        """The newest checkpoint's folder; finished, once `wait` has returned."""
        steps = self._manager.all_steps()
        return Path(self._manager.directory) / str(max(steps)) if steps else None

    def save(self, state: TrainState, generator: Generator, metrics: dict[str, float] | None) -> None:
        """Saves `state` under its own step, in the background; waits for a save that is still under way.

        `generator` describes the architecture; its parameters are the state's average.
        """
        step = int(state.step)
        if step in self._manager.all_steps():
            return
        rest = {name: value for name, value in vars(state).items() if name != "average"}
        self._manager.save(
            step, args=_items(rest, generator.replace(params=state.average)), metrics=metrics, force=True
        )

    def restore(self, shapes: TrainState) -> TrainState | None:
        """Returns the newest checkpoint's state, or None where there is none.

        A damaged checkpoint is named in a warning, and the one before it is used.

        Args:
          shapes: a state of `jax.ShapeDtypeStruct`s with shardings.

        Raises:
          InputError: there are checkpoints, and none can be read.
        """
        steps = sorted(self._manager.all_steps(), reverse=True)
        problems = []
        for step in steps:
            rest = {name: value for name, value in vars(shapes).items() if name != "average"}
            items: dict[str, Any] = {
                STATE: ocp.args.StandardRestore(rest),
                PARAMETERS: ocp.args.StandardRestore(shapes.average),
            }
            try:
                for item in items:
                    check_arrays(Path(self._manager.directory) / str(step) / item)
                restored = self._manager.restore(step, args=ocp.args.Composite(**items))
            except Exception as error:  # orbax and tensorstore raise whatever the damaged file provokes
                problems.append(f"{Path(self._manager.directory) / str(step)}: {root_cause(error)}")
                logging.warning("checkpoint cannot be read, trying the one before: %s", problems[-1])
                continue
            self._set_aside(steps[: len(problems)])
            return shapes.replace(average=restored[PARAMETERS], **restored[STATE])
        if problems:
            raise InputError(f"none of {len(problems)} checkpoints can be read, the newest {problems[0]}")
        return None

    def _set_aside(self, steps: list[int]) -> None:
        """Renames damaged checkpoints to STEP.damaged: their steps will be saved again, and nothing is lost."""
        for step in steps:
            folder = Path(self._manager.directory) / str(step)
            shutil.rmtree(folder.with_suffix(".damaged"), ignore_errors=True)
            folder.rename(folder.with_suffix(".damaged"))
        self._manager.reload()

    def wait(self) -> None:
        """Waits for a save under way."""
        self._manager.wait_until_finished()

    def close(self) -> None:
        """Waits for a save under way, and ends the saving."""
        self.wait()
        self._manager.close()


def write_checkpoint(folder: Path, generator: Generator, rest: dict[str, Any] | None) -> None:
    """Writes one checkpoint, a generator and, if given, the rest of a state, to `folder`, which must not exist."""
    checkpointer = ocp.Checkpointer(ocp.CompositeCheckpointHandler())
    try:
        checkpointer.save(folder.absolute(), args=_items(rest, generator))
    finally:
        checkpointer.close()


def _items(rest: dict[str, Any] | None, generator: Generator) -> ocp.args.Composite:
    items: dict[str, Any] = {
        PARAMETERS: ocp.args.StandardSave(generator.params),
        ARCHITECTURE: ocp.args.JsonSave(architecture(generator)),
    }
    if rest is not None:
        items[STATE] = ocp.args.StandardSave(rest)
    return ocp.args.Composite(**items)


def shapes_of(state: TrainState) -> TrainState:
    """Returns the state's shapes, dtypes and shardings, onto which a checkpoint is restored."""
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), state)
