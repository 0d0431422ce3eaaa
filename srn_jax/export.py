"""`python -m srn_jax.export`: a trained generator alone, without what only training needs."""

import sys
from pathlib import Path

import jax

from srn_jax import files
from srn_jax.commandline import Parser
from srn_jax.errors import InputError, fail
from srn_jax.generator import load_generator, loadable


def main(arguments: list[str] | None = None) -> None:
    """Runs the program."""
    parser = Parser(
        prog="python -m srn_jax.export",
        description="Writes the averaged generator of a checkpoint to a folder of its own, without critics and Adam's "
        "moments: a fraction of the size, for inference alone.",
    )
    parser.add_argument("--checkpoint", required=True, help=f"the model: {loadable()}")
    parser.add_argument("--output", required=True, help="a new folder")
    options = parser.parse_args(arguments)
    try:
        generator = load_generator(options.checkpoint)
        output = files.expand(options.output, "--output")
        with files.creating(output) as folder:
            from srn_jax.train.checkpoint import write_checkpoint  # here, so that --help answers at once

            folder.rmdir()  # the checkpoint makes it
            write_checkpoint(folder, generator, None)
    except InputError as error:
        fail(error)
    except OSError as error:
        fail(InputError(f"cannot write {options.output}: {error.strerror or error}"))
    count = sum(leaf.size for leaf in jax.tree.leaves(generator.params))
    print(f"wrote {output}, {type(generator.model).__name__}, {count:,} parameters, {_megabytes(output):.1f} MB")


def _megabytes(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("interrupted; nothing was written")
