"""The command line of `python -m srn_jax.convert`."""

import argparse
import re

from srn_jax.errors import brief
from srn_jax.geometry.placement import AROUND, Size
from srn_jax.programs.commandline import Parser

NORMALIZATIONS = ("paper", "release", "none")  # names in ops.NORMALIZATIONS, whose import takes seconds


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Returns the command line's options; ends the program where they are wrong."""
    parser = Parser(
        prog="python -m srn_jax.convert",
        description="Converts a checkpoint of the authors' TensorFlow-1 release, without TensorFlow. Network, width, "
        "feature expansion and ratio are read off the variables; what these leave open has the paper's value, is "
        "printed, and can be given. With critics and Adam's moments in the checkpoint, training can go on from it.",
    )
    add = parser.add_argument
    add("--tf-checkpoint", required=True, metavar="DIR_OR_PREFIX", help="PREFIX.index and its data, or their folder")
    add("--output", required=True, metavar="DIR", help="a new folder, which load_generator and --checkpoint take")
    add("--model", choices=["srn", "srn-hr"], help="refuse a checkpoint of the other")
    add("--ratio", type=_size, metavar="RxC", help="canvas over picture, where the variables fit several")
    add("--known", type=_size, metavar="HxW", help="the picture's size at training, in pixels")
    add("--placement", choices=list(AROUND), help="where the picture lay on the canvas at training")
    add("--margins", dest="placement", choices=list(AROUND), help=argparse.SUPPRESS)  # as it was called
    add("--normalization", choices=list(NORMALIZATIONS), help="none where it was trained with --use_cn 0")
    add("--rho", type=float, help="of context normalization: what --fa_alpha was at training (default 0.5)")
    add("--blend", dest="rho", type=float, help=argparse.SUPPRESS)  # as it was called
    return parser.parse_args(arguments)


def _size(text: str) -> Size:
    match = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text, re.ASCII)  # no network works on sides so long
    if not match:
        raise argparse.ArgumentTypeError(f"{brief(text)} is not HEIGHTxWIDTH, such as 2x2 or 128x128")
    return int(match[1]), int(match[2])
