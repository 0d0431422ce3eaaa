"""A run from its first step, or its newest checkpoint, to its last."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from srn_jax.config import Config
from srn_jax.data.pipeline import HeldOut
from srn_jax.errors import InputError
from srn_jax.generators.generator import Generator
from srn_jax.train import hosts, workdir
from srn_jax.train.checkpoint import Checkpoints, shapes_of
from srn_jax.train.divergence import last_good
from srn_jax.train.interrupt import Interrupt
from srn_jax.train.log import Log
from srn_jax.train.phase import train_phase
from srn_jax.train.progress import say
from srn_jax.train.recording import Recorder
from srn_jax.train.setup import Setup, describe, prepare


@dataclass(frozen=True)
class Outcome:
    """What a run ends with.

    Attributes:
      generator: the averaged generator.
      held_out: the crops that it is judged on.
      interrupted: the name of the signal that ended the run early, if one did.
      checkpoint: the newest checkpoint's folder.
    """

    generator: Generator
    held_out: HeldOut
    interrupted: str | None
    checkpoint: Path | None


def train(config: Config, folder: Path) -> Outcome:
    """Runs, or continues, the training that a resolved configuration describes, in `folder`.

    On several hosts each calls it, after `hosts.connect`, with a folder that they share.

    Raises:
      InputError: the data, the weights or the number of devices do not fit; the folder is another run's, or in use; the
        disk is full; too many pictures are unreadable.
      DivergedError: a loss was not finite, or the generator collapsed.
    """
    setup = prepare(config, folder)
    with contextlib.ExitStack() as stack:
        with hosts.agreeing():
            if hosts.is_first():
                stack.enter_context(workdir.claim(folder, setup.config, setup.inputs))
        say(describe(setup, folder))
        checkpoints = stack.enter_context(contextlib.closing(Checkpoints(folder, setup.config.run)))
        try:
            return _train(setup, folder, checkpoints, stack)
        except OSError as error:  # writing the log: a full disk, or one that is gone
            raise InputError(
                f"{error.filename or folder}: {error.strerror or error}; {last_good(checkpoints)}"
            ) from error


def _train(setup: Setup, folder: Path, checkpoints: Checkpoints, stack: contextlib.ExitStack) -> Outcome:
    state, stopped = setup.state, None

    # Go on from the newest checkpoint, if there is one.
    restored = checkpoints.restore(shapes_of(state))
    if restored is not None:
        state = restored
        say(f"continuing from step {int(state.step)}, {checkpoints.newest}")

    # The first host alone keeps the log.
    log = None
    with hosts.agreeing():
        if hosts.is_first():
            log = stack.enter_context(contextlib.closing(Log(folder, int(state.step))))

    # Train the phases in turn.
    recorder, interrupt = Recorder(setup, checkpoints, log), stack.enter_context(Interrupt())
    for number, step in enumerate(setup.steps, start=1):
        if not stopped and int(state.step) < step.first_step + step.phase.steps:
            label = f"phase {number} of {len(setup.steps)}, {step.name}"
            state, stopped = train_phase(step, state, recorder, interrupt, label)

    # Save what the run ends with, finished or interrupted.
    checkpoints.save(state, recorder.generator(state), None)
    with hosts.agreeing():
        checkpoints.wait()
    finished = int(state.step) == sum(step.phase.steps for step in setup.steps)
    return Outcome(recorder.generator(state), setup.data.held_out, None if finished else stopped, checkpoints.newest)
