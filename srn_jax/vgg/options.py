"""The command line of `python -m srn_jax.vgg`."""

import argparse
import re

from srn_jax.programs.commandline import Parser
from srn_jax.vgg.download import KERAS
from srn_jax.vgg.recognise import FORMS

OUTPUT = "weights/vgg19.h5"  # where the setting loss.vgg looks by default


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Returns the command line's options; ends the program where they are wrong."""
    parser = Parser(
        prog="python -m srn_jax.vgg",
        description="Fetches the filters of VGG-19, whose features ID-MRF compares, or tells what a file holds.",
        epilog=f"Files that loss.vgg takes, told by their content: {', '.join(FORMS)}.",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--download",
        action="store_true",
        help=f"fetch Keras' file, {KERAS.size / 1e6:.0f} MB, from {KERAS.url}; continues what was "
        "interrupted, and only checks a file that is there",
    )
    what.add_argument("--check", metavar="FILE", help="tell the form of a file, its layers, and the input they expect")
    parser.add_argument("--output", metavar="FILE", help=f"where --download puts it (default {OUTPUT})")
    parser.add_argument("--sha256", metavar="HEX", help="hold the download to this SHA-256, besides its size and MD5")
    options = parser.parse_args(arguments)
    if options.check is not None and (options.output, options.sha256) != (None, None):
        parser.error("--output and --sha256 go with --download")
    if options.sha256 is not None and not re.fullmatch("[0-9a-fA-F]{64}", options.sha256):
        parser.error(f"--sha256 is {options.sha256!r}; it takes 64 hexadecimal digits")
    return options
