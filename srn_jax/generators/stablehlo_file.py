"""A generator as StableHLO, which `jax.export.deserialize` reads on a CPU, a GPU or a TPU, without this library."""

from pathlib import Path

import jax
from jax import export

from srn_jax.generators.generator import Generator
from srn_jax.generators.painting import inputs_of, painter
from srn_jax.geometry import Size

_PLATFORMS = ("cpu", "cuda", "tpu")


def write(path: Path, generator: Generator, canvas: Size) -> None:
    """Writes a generator for one size of canvas, its parameters within, to the file `path`."""
    exported = export.export(jax.jit(painter(generator)), platforms=_PLATFORMS)(*inputs_of(canvas))
    path.write_bytes(exported.serialize())
