"""What `python -m srn_jax.export` does: a trained generator alone, for this library or for others."""

import argparse
import importlib
from contextlib import AbstractContextManager
from pathlib import Path

import jax
import jax.numpy as jnp
import optax

from srn_jax.errors import InputError, brief, innermost
from srn_jax.export.formats import FORMATS, Format
from srn_jax.generators.generator import Generator, architecture
from srn_jax.generators.loading import load_generator
from srn_jax.geometry.placement import BETWEEN, MOST_SIDE, Size
from srn_jax.infer.checks import check_canvas
from srn_jax.models.parameters import map_named
from srn_jax.programs import files

_MOST_HALF = int(jnp.finfo(jnp.float16).max)


def run(options: argparse.Namespace) -> None:
    """Writes the generator to --output, and prints what it is; raises InputError where what is given does not fit."""
    kind = FORMATS[options.format]
    output = files.expand(options.output, "--output")
    _check(options.format, output, options.canvas)
    generator = load_generator(options.checkpoint)
    canvas = _canvas(options.canvas, generator)
    if options.blend:
        generator = _blended(generator, *options.blend)
    if options.half:
        generator = generator.replace(params=map_named(_halved, generator.params))
    with _creating(kind, output) as path:
        kind.write(path, generator, canvas)
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
    if not (0 < width <= MOST_SIDE and 0 < height <= MOST_SIDE):
        raise InputError(
            f"--canvas is {brief(text)}; it takes WxH in pixels, such as 512x256, up to {MOST_SIDE:,} each"
        )
    rows, columns = getattr(generator.model, "ratio", (2, 2))
    try:
        known = height // rows, width // columns
        check_canvas(generator.model, known, (height, width), halved=generator.placement in BETWEEN)
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
    return generator.replace(params=optax.incremental_update(other.params, generator.params, weight))


def _halved(name: str, weights: jax.Array) -> jax.Array:
    """Returns parameters as float16; raises InputError, with the name in the tree, where some would become infinite."""
    halved = weights.astype(jnp.float16)
    lost = jnp.isfinite(weights) & ~jnp.isfinite(halved)
    if lost.any():
        largest = jnp.abs(weights[lost]).max()
        raise InputError(
            f"--half: {name} has {int(lost.sum())} weights beyond float16, such as {float(largest):g}; it takes up to "
            f"{_MOST_HALF:,}: leave --half out"
        )
    return halved


def _megabytes(output: Path) -> float:
    written = [output] if output.is_file() else [file for file in output.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in written) / 1e6
