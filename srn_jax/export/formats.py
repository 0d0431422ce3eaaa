"""How a generator is written: a table of formats. What writes one is imported where it is used."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from srn_jax.geometry.placement import Size

if TYPE_CHECKING:
    from srn_jax.generators.generator import Generator

CHECKPOINT = "checkpoint"


class Format(NamedTuple):
    """How a generator is written.

    Attributes:
      write: (path, generator, canvas) -> None; `path` is a new folder, or a file to be written, beside its place.
      suffix: of the file's name; a folder has none.
      sized: whether what is written holds for one size of canvas.
      library: what it needs beyond this package's own requirements, and how that is installed.
    """

    write: Callable[[Path, "Generator", Size], None]
    suffix: str = ""
    sized: bool = False
    library: tuple[str, str] | None = None


def _checkpoint(path: Path, generator: "Generator", canvas: Size) -> None:
    from srn_jax.generators.writing import write_checkpoint

    del canvas
    path.rmdir()  # the checkpoint makes it
    write_checkpoint(path, generator, None)


def _onnx(path: Path, generator: "Generator", canvas: Size) -> None:
    from srn_jax.generators import onnx_file

    onnx_file.write(path, generator, canvas)


def _stablehlo(path: Path, generator: "Generator", canvas: Size) -> None:
    from srn_jax.generators import stablehlo_file

    stablehlo_file.write(path, generator, canvas)


def _safetensors(path: Path, generator: "Generator", canvas: Size) -> None:
    from srn_jax.generators import safetensors_file

    del canvas
    safetensors_file.write(path, generator)


FORMATS: dict[str, Format] = {
    CHECKPOINT: Format(_checkpoint),
    "onnx": Format(_onnx, ".onnx", True, ("onnx", "pip install onnx")),
    "stablehlo": Format(_stablehlo, ".stablehlo", True, ("flatbuffers", "pip install flatbuffers")),
    "safetensors": Format(_safetensors, ".safetensors", False, ("safetensors", "pip install safetensors")),
}
