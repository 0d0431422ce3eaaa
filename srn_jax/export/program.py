"""What `python -m srn_jax.export` does: a trained generator alone, without what only training needs."""

import argparse
from pathlib import Path

import jax
import jax.numpy as jnp
import optax

from srn_jax.errors import InputError
from srn_jax.generators.generator import Generator, architecture
from srn_jax.generators.loading import load_generator
from srn_jax.generators.writing import write_checkpoint
from srn_jax.models.parameters import map_named
from srn_jax.programs import files

_MOST_HALF = int(jnp.finfo(jnp.float16).max)


def run(options: argparse.Namespace) -> None:
    """Writes the generator to --output, and prints what it is; raises InputError where what is given does not fit."""
    generator = load_generator(options.checkpoint)
    if options.blend:
        generator = _blended(generator, *options.blend)
    if options.half:
        generator = generator.replace(params=map_named(_halved, generator.params))
    output = files.expand(options.output, "--output")
    with files.creating(output) as folder:
        folder.rmdir()  # the checkpoint makes it
        write_checkpoint(folder, generator, None)
    count = sum(leaf.size for leaf in jax.tree.leaves(generator.params))
    print(f"wrote {output}, {type(generator.model).__name__}, {count:,} parameters, {_megabytes(output):.1f} MB")


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


def _megabytes(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
