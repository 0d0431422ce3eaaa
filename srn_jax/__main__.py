"""`python -m srn_jax`: lists the programs."""

import argparse
from importlib import metadata

from srn_jax.programs.commandline import Parser

PROGRAMS = {
    "infer": "paint beyond the borders of a picture, or of each of a folder, or between two",
    "demo": "a page on this machine: drop a photograph, paint, compare, download",
    "evaluate": "score a model on pictures that it never saw, beside simple fills",
    "experiments": "train, judge and show the rows of a table or figure of the paper",
    "study": "ask people, blind, which of two completed pictures is more realistic",
    "main": "train, or go on training, what a configuration describes",
    "data": "list, prepare and check data sets",
    "vgg": "fetch and check VGG-19's filters, which training compares features with",
    "convert": "make a checkpoint of the authors' TensorFlow release ours",
    "export": "write a trained generator alone, without what only training needs",
}


def main(arguments: list[str] | None = None) -> None:
    """Prints the list."""
    lines = "\n".join(f"  python -m srn_jax.{name:<11} {job}" for name, job in PROGRAMS.items())
    parser = Parser(
        prog="python -m srn_jax",
        description="Image extrapolation in JAX: the Semantic Regeneration Network.",
        epilog=f"programs, each with --help:\n{lines}\n\nin Python: srn_jax.load_generator, srn_jax.expand, "
        "srn_jax.join, srn_jax.extrapolate; docs/using.md shows each.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"srn_jax {metadata.version('srn-jax')}")
    parser.parse_args(arguments)
    parser.print_help()


if __name__ == "__main__":
    main()
