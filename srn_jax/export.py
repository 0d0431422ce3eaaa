"""`python -m srn_jax.export`: a trained generator alone, without what only training needs."""

from pathlib import Path

import jax
import jax.numpy as jnp

from srn_jax.errors import InputError, fail, refused
from srn_jax.generators.bundled import DEFAULT, loadable
from srn_jax.generators.generator import Generator, architecture
from srn_jax.generators.loading import load_generator
from srn_jax.models.parameters import map_named
from srn_jax.programs import files, interruption
from srn_jax.programs.commandline import Parser

_MOST_HALF = int(jnp.finfo(jnp.float16).max)


def main(arguments: list[str] | None = None) -> None:
    """Runs the program."""
    parser = Parser(
        prog="python -m srn_jax.export",
        description="Writes the averaged generator of a checkpoint to a folder of its own, without critics and Adam's "
        "moments: a fraction of the size, for inference alone.",
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
    parser.add_argument("--output", required=True, help="a new folder")
    options = parser.parse_args(arguments)
    try:
        generator = load_generator(options.checkpoint)
        if options.blend:
            generator = _blended(generator, *options.blend)
        if options.half:
            generator = generator.replace(params=map_named(_halved, generator.params))
        output = files.expand(options.output, "--output")
        with files.creating(output) as folder:
            from srn_jax.generators.writing import write_checkpoint  # here, so that --help answers at once

            folder.rmdir()  # the checkpoint makes it
            write_checkpoint(folder, generator, None)
    except InputError as error:
        fail(error)
    except OSError as error:
        fail(refused(error, options.output))
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
    import optax  # here, so that --help answers at once

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


if __name__ == "__main__":
    interruption.run(main, "interrupted; nothing was written")
