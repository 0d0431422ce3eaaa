"""The command line of `python -m srn_jax.export`."""

import argparse

from srn_jax.generators.bundled import DEFAULT, loadable
from srn_jax.programs.commandline import Parser


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Returns the command line's options; ends the program where they are wrong."""
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
    return parser.parse_args(arguments)
