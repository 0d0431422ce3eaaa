"""Our data pipeline as a contestant."""

from importlib.metadata import version
from typing import Any

import numpy as np

from benchmarks.worker import Subject
from srn_jax.config import Data
from srn_jax.data.crops import CROPS
from srn_jax.data.pipeline import decoder, training_batches
from srn_jax.data.sources import folder


def reading(
    path: str,
    changes: dict[str, object],
    canvas: tuple[int, int],
    batch: int,
    group: int,
    untimed: int,
    steps: int,
    threads: Any,
    workers: Any,
    sample: tuple[float, tuple[float, float]],
) -> Subject:
    """Returns one that reads `steps` steps of `group` batches, after `untimed`; its outcome is a picture's `sample`.

    Args:
      changes: settings of `config.Data` beside these.
    """
    data = Data(path=path, held_out=16, batch=batch, threads=threads, workers=workers)
    for name, value in changes.items():
        setattr(data, name, value)
    training, _ = folder(data)
    opened = []

    def begin() -> None:
        opened.append(
            iter(training_batches(decoder(training, data, canvas), data, canvas, seed=0, start=0, group=group))
        )
        for _ in range(untimed):
            next(opened[0])

    def call() -> None:
        for _ in range(steps):
            assert next(opened[0]).pixels.shape == (group, batch, *canvas, 3)

    def outcome(made: None) -> np.ndarray:
        del made
        return np.asarray(CROPS["random"].cut(decoder(training, data, canvas)[0].picture, canvas, *sample))

    library = f"grain {version('grain')}"
    return Subject(call, outcome, library, begin, lambda: opened.pop().close(), compiles=False)
