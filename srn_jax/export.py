"""`python -m srn_jax.export`: a trained generator alone, for this library or for others."""

import importlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from srn_jax.errors import InputError, brief, fail, innermost, refused
from srn_jax.generators.bundled import DEFAULT, loadable
from srn_jax.generators.generator import Generator, architecture
from srn_jax.generators.loading import load_generator
from srn_jax.geometry import BETWEEN, Size
from srn_jax.infer.checks import check_canvas
from srn_jax.programs import files, interruption
from srn_jax.programs.commandline import Parser

_MOST_HALF = int(jnp.finfo(jnp.float16).max)
_MOST_SIDE = 2**16  # pixels
_CHECKPOINT = "checkpoint"


class Format(NamedTuple):
    """How a generator is written.

    Attributes:
      write: (path, generator, canvas) -> None; `path` is a new folder, or a file to be written, beside its place.
      suffix: of the file's name; a folder has none.
      sized: whether what is written holds for one size of canvas.
      library: what it needs beyond this package's own requirements, and how that is installed.
    """

    write: Callable[[Path, Generator, Size], None]
    suffix: str = ""
    sized: bool = False
    library: tuple[str, str] | None = None


# What writes a format is imported where it is used, so that --help answers at once.
def _checkpoint(path: Path, generator: Generator, canvas: Size) -> None:
    from srn_jax.generators.writing import write_checkpoint

    del canvas
    path.rmdir()  # the checkpoint makes it
    write_checkpoint(path, generator, None)


def _onnx(path: Path, generator: Generator, canvas: Size) -> None:
    from srn_jax.generators import onnx_file

    onnx_file.write(path, generator, canvas)


def _stablehlo(path: Path, generator: Generator, canvas: Size) -> None:
    from srn_jax.generators import stablehlo_file

    stablehlo_file.write(path, generator, canvas)


def _safetensors(path: Path, generator: Generator, canvas: Size) -> None:
    from srn_jax.generators import safetensors_file

    del canvas
    safetensors_file.write(path, generator)


FORMATS: dict[str, Format] = {
    _CHECKPOINT: Format(_checkpoint),
    "onnx": Format(_onnx, ".onnx", True, ("onnx", "pip install onnx")),
    "stablehlo": Format(_stablehlo, ".stablehlo", True, ("flatbuffers", "pip install flatbuffers")),
    "safetensors": Format(_safetensors, ".safetensors", False, ("safetensors", "pip install safetensors")),
}


def main(arguments: list[str] | None = None) -> None:
    """Runs the program."""
    parser = Parser(
        prog="python -m srn_jax.export",
        description="Writes the averaged generator of a checkpoint alone, without critics and Adam's moments, for "
        "inference: as a folder of this library, a fraction of the size, or as one file for others.",
    )
    parser.add_argument("--checkpoint", default=DEFAULT, help=f"the model: {loadable()} (default {DEFAULT})")
    parser.add_argument(
        "--blend",
        nargs=2,
        metavar=("CHECKPOINT", "SHARE"),
        help="another model of the same network, trained on from this one or from the same, and its share in 0..1 of "
        "each parameter: sharpness of an adversarial run against the scores of its reconstruction (network "
        "interpolation: Wang et al., ESRGAN, 2018)",
    )
    parser.add_argument(
        "--half",
        action="store_true",
        help="store parameters as float16: half the size, 3 digits of each; they are loaded as float32 all the same",
    )
    parser.add_argument(
        "--format",
        choices=list(FORMATS),
        default=_CHECKPOINT,
        help="a folder, as training writes it (default); or a file: onnx, for ONNX's runtimes; stablehlo, for "
        "jax.export.deserialize; safetensors, parameters by name, which --checkpoint takes too",
    )
    parser.add_argument(
        "--canvas",
        metavar="WxH",
        help="of onnx and stablehlo, which hold for one size: the canvas, in pixels (default: as at training)",
    )
    parser.add_argument(
        "--output", required=True, help="a new folder, or a new file *.onnx, *.stablehlo, *.safetensors"
    )
    options = parser.parse_args(arguments)
    kind: Format = FORMATS[options.format]
    try:
        output = files.expand(options.output, "--output")
        _check(options.format, output, options.canvas)
        generator = load_generator(options.checkpoint)
        canvas = _canvas(options.canvas, generator)
        if options.blend:
            generator = _blended(generator, *options.blend)
        if options.half:
            generator = generator.replace(params=jax.tree_util.tree_map_with_path(_halved, generator.params))
        with _creating(kind, output) as path:
            kind.write(path, generator, canvas)
    except InputError as error:
        fail(error)
    except OSError as error:
        fail(refused(error, options.output))
    count = sum(leaf.size for leaf in jax.tree.leaves(generator.params))
    size = f", canvases of {canvas[1]}x{canvas[0]} (width x height)" if kind.sized else ""
    name = type(generator.model).__name__
    print(f"wrote {output}, {name}, {count:,} parameters, {_megabytes(output):.1f} MB{size}")


def _creating(kind: Format, output: Path) -> AbstractContextManager[Path]:
    return files.creating_file(output) if kind.suffix else files.creating(output)


def _check(name: str, output: Path, canvas: str | None) -> None:
    """Raises InputError where options do not go together, or what the format needs is not installed."""
    kind = FORMATS[name]
    others = {other.suffix: key for key, other in FORMATS.items() if other.suffix}
    if kind.suffix and output.suffix != kind.suffix:
        raise InputError(f"--output is {brief(str(output))}; --format {name} takes a name that ends in {kind.suffix}")
    if not kind.suffix and output.suffix in others:
        meant = others[output.suffix]
        raise InputError(f"--output is {brief(str(output))}, and --format {name} makes a folder; add --format {meant}")
    if canvas is not None and not kind.sized:
        sized = " or ".join(key for key, other in FORMATS.items() if other.sized)
        raise InputError(
            f"--canvas goes with --format {sized}; what --format {name} writes holds for canvases of any size"
        )
    if kind.library:
        library, install = kind.library
        try:
            importlib.import_module(library)
        except ImportError as error:
            why = innermost(error)
            raise InputError(f"--format {name} needs the package {library}: {install} ({why})") from error


def _canvas(text: str | None, generator: Generator) -> Size:
    """Returns the (height, width) that is asked for, or the trained one; raises InputError where the network cannot."""
    if text is None:
        return generator.canvas
    try:
        width, height = (int(side) for side in text.split("x"))
    except ValueError:
        width = height = 0
    if not (0 < width <= _MOST_SIDE and 0 < height <= _MOST_SIDE):
        raise InputError(
            f"--canvas is {brief(text)}; it takes WxH in pixels, such as 512x256, up to {_MOST_SIDE:,} each"
        )
    rows, columns = getattr(generator.model, "ratio", (2, 2))
    try:
        known = height // rows, width // columns
        check_canvas(generator.model, known, (height, width), halved=generator.margins in BETWEEN)
    except InputError as error:
        raise InputError(f"--canvas is {text}: {error}") from error
    return height, width


def _blended(generator: Generator, checkpoint: str, share: str) -> Generator:
    try:
        weight = float(share)
    except ValueError:
        weight = -1.0
    if not 0.0 <= weight <= 1.0:
        raise InputError(f"--blend has the share {share!r}; it takes a number in 0..1")
    other = load_generator(checkpoint)
    if other.model != generator.model:
        mine, theirs = (architecture(one)["model"] for one in (generator, other))
        raise InputError(f"--blend {checkpoint} is {theirs}; it takes a model like that of --checkpoint, {mine}")
    import optax  # here, so that --help answers at once

    return generator.replace(params=optax.incremental_update(other.params, generator.params, weight))


def _halved(path: tuple[Any, ...], weights: jax.Array) -> jax.Array:
    """Returns parameters as float16; raises InputError, with the name in the tree, where some would become infinite."""
    halved = weights.astype(jnp.float16)
    lost = jnp.isfinite(weights) & ~jnp.isfinite(halved)
    if lost.any():
        name, largest = jax.tree_util.keystr(path, simple=True, separator="."), jnp.abs(weights[lost]).max()
        raise InputError(
            f"--half: {name} has {int(lost.sum())} weights beyond float16, such as {float(largest):g}; it takes up to "
            f"{_MOST_HALF:,}: leave --half out"
        )
    return halved


def _megabytes(output: Path) -> float:
    written = [output] if output.is_file() else [file for file in output.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in written) / 1e6


if __name__ == "__main__":
    interruption.run(main, "interrupted; nothing was written")
