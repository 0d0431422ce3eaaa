"""The command line of `python -m srn_jax.demo`."""

import argparse

from srn_jax.generators.bundled import bundled_around, loadable
from srn_jax.programs.commandline import Parser


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Returns the command line's options; ends the program where they are wrong."""
    parser = Parser(
        prog="python -m srn_jax.demo",
        description="Serves a page on this machine: drop a photograph, set its canvas, and its surroundings are "
        "painted. Nothing leaves the machine, and nothing that is uploaded stays.",
    )
    add = parser.add_argument
    add(
        "--checkpoint",
        nargs="+",
        default=bundled_around(),
        help=f"the models that visitors choose from: {loadable()} (default: {' '.join(bundled_around())})",
    )
    add("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1: this machine alone)")
    add("--port", type=int, help="port to listen on (default: the first free one from 7860)")
    add("--open", action="store_true", help="open the page in a browser")
    parser.add_compilation_cache()
    options = parser.parse_args(arguments)
    parser.check_range(options, "port", 1, 65_535, "1 to 65535")
    return options
