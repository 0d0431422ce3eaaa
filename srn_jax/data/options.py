"""The command line of `python -m srn_jax.data`."""

import argparse

from srn_jax.programs.commandline import Parser

AFTER = "nothing half-made is left, and the same command goes on with the files that were downloaded whole"


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Returns the command line's options; ends the program where they are wrong."""
    parser = Parser(
        prog="python -m srn_jax.data",
        description="Lists the paper's data sets, prepares them, and tells what there is of one.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="the paper's data sets: how each is read, and how large it is")
    prepare = commands.add_parser("prepare", help="make a data set ready to be read")
    prepare.add_argument("name", metavar="NAME", help="one of the list, or any other of TFDS's catalog")
    prepare.add_argument("--data-dir", default="", metavar="DIR", help="where it lies (default: TFDS's, or data/...)")
    prepare.add_argument("--yes", action="store_true", help="do not ask before anything is fetched or written")
    check = commands.add_parser("check", help="tell what is there, and whether its pictures can be read")
    check.add_argument("name", metavar="NAME", help="one of the list, or whatever is prepared in the folder")
    check.add_argument("--path", default="", metavar="FOLDER", help="where it lies (default: as for prepare)")
    return parser.parse_args(arguments)
