"""A generator as StableHLO, which `jax.export.deserialize` reads on a CPU, a GPU or a TPU, without this library."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jax
from jax import export

from srn_jax.generators.generator import Generator
from srn_jax.generators.painting import inputs_of, painter
from srn_jax.geometry import Size

_PLATFORMS = ("cpu", "cuda", "tpu")
_LOCATIONS = "jax_traceback_in_locations_limit"


def write(path: Path, generator: Generator, canvas: Size) -> None:
    """Writes a generator for one size of canvas, its parameters within, to the file `path`."""
    with _without_paths():
        exported = export.export(jax.jit(painter(generator)), platforms=_PLATFORMS)(*inputs_of(canvas))
    path.write_bytes(exported.serialize())


@contextmanager
def _without_paths() -> Iterator[None]:
    """Has JAX leave out of what it lowers where each operation stands in files of this machine."""
    before = getattr(jax.config, _LOCATIONS)
    jax.config.update(_LOCATIONS, 0)
    try:
        yield
    finally:
        jax.config.update(_LOCATIONS, before)
