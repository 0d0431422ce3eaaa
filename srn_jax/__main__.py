"""`srn-jax` and `python -m srn_jax`: lists the programs, and runs the one that is named."""

import argparse
import difflib
import runpy
import sys
from importlib import metadata

from srn_jax.errors import InputError, brief, fail
from srn_jax.programs.commandline import Parser

# By module.
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
_COMMANDS = {"train" if module == "main" else module: module for module in PROGRAMS}


def main(arguments: list[str] | None = None) -> None:
    """Runs the program that is named first, with the arguments behind it; without one, prints the list."""
    given = sys.argv[1:] if arguments is None else arguments
    if given and not given[0].startswith("-"):
        _run(given[0], given[1:])
        return
    parser = _parser()
    parser.parse_args(given)
    parser.print_help()


def _run(command: str, arguments: list[str]) -> None:
    """Does what `python -m` does: the program takes its arguments from sys.argv, and is __main__."""
    if command not in _COMMANDS:
        close = difflib.get_close_matches(command, _COMMANDS)
        asked = f"did you mean {' or '.join(close)}?" if close else f"there are: {', '.join(_COMMANDS)}"
        fail(InputError(f"there is no program {brief(command)}; {asked}"))
    sys.argv[1:] = arguments
    runpy.run_module(f"srn_jax.{_COMMANDS[command]}", run_name="__main__", alter_sys=True)


def _parser() -> Parser:
    lines = "\n".join(f"  {command:<11} {PROGRAMS[module]}" for command, module in _COMMANDS.items())
    parser = Parser(
        prog="srn-jax",
        usage="srn-jax [-h] [--version] PROGRAM ...",
        description="Image extrapolation in JAX: the Semantic Regeneration Network.",
        epilog=f"programs, each with --help:\n{lines}\n\n`python -m srn_jax.PROGRAM` is the same, `srn_jax.main` for "
        "train.\nin Python: srn_jax.load_generator, srn_jax.expand, srn_jax.join, srn_jax.extrapolate; docs/using.md "
        "shows each.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"srn_jax {metadata.version('srn-jax')}")
    return parser


if __name__ == "__main__":
    main()
