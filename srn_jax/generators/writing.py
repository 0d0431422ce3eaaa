"""Writing a checkpoint: a folder of items, by orbax, sealed."""

import shutil
from pathlib import Path
from typing import Any

import orbax.checkpoint as ocp

from srn_jax.generators.bundled import ARCHITECTURE
from srn_jax.generators.generator import Generator, architecture
from srn_jax.generators.loading import PARAMETERS
from srn_jax.generators.seal import seal

STATE = "state"  # beside a generator's items: everything else that training goes on from
SCORES = "scores"  # what the generator reached on held-out crops, if it was evaluated


def write_checkpoint(folder: Path, generator: Generator, rest: dict[str, Any] | None) -> None:
    """Writes one checkpoint, a generator and, if given, the rest of a state, to `folder`, which must not exist."""
    checkpointer = ocp.Checkpointer(ocp.CompositeCheckpointHandler())
    try:
        checkpointer.save(folder.absolute(), args=items_of(rest, generator, None))
    finally:
        checkpointer.close()
        for unfinished in folder.parent.glob(f"{folder.name}.orbax-checkpoint-tmp*"):  # of a save that was interrupted
            shutil.rmtree(unfinished, ignore_errors=True)
    for note in folder.rglob("commit_success.txt"):  # orbax's, for storage that cannot rename: a path of this machine
        note.unlink()
    seal(folder)


def items_of(rest: dict[str, Any] | None, generator: Generator, scores: dict[str, float] | None) -> ocp.args.Composite:
    """Returns a checkpoint's items as orbax takes them: a generator, the rest of a state, held-out scores."""
    items: dict[str, Any] = {
        PARAMETERS: ocp.args.StandardSave(generator.params),
        ARCHITECTURE: ocp.args.JsonSave(architecture(generator)),
    }
    if rest is not None:
        items[STATE] = ocp.args.StandardSave(rest)
    if scores is not None:
        items[SCORES] = ocp.args.JsonSave(scores)
    return ocp.args.Composite(**items)
