"""The command line of `python -m srn_jax.export`."""

import argparse

from srn_jax.export.formats import CHECKPOINT, FORMATS
from srn_jax.generators.bundled import DEFAULT, loadable
from srn_jax.programs.commandline import Parser


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Returns the command line's options; ends the program where they are wrong."""
    parser = Parser(
        prog="python -m srn_jax.export",
        description="Writes the averaged generator of a checkpoint alone, without critics and Adam's moments, for "
        "inference: as a folder of this library, a fraction of the size, or as one file for others.",
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
    parser.add_argument(
        "--format",
        choices=list(FORMATS),
        default=CHECKPOINT,
        help="a folder, as training writes it (default); or a file: onnx, for ONNX's runtimes; stablehlo, for "
        "jax.export.deserialize; safetensors, parameters by name, which --checkpoint takes too",
    )
    parser.add_argument(
        "--canvas",
        metavar="WxH",
        help="of onnx and stablehlo, which hold for one size: the canvas, in pixels (default: as at training)",
    )
    parser.add_argument(
        "--output", required=True, help="a new folder, or a new file *.onnx, *.stablehlo, *.safetensors"
    )
    return parser.parse_args(arguments)
