"""The command line of `python -m srn_jax.experiments`."""

import argparse
import sys

from srn_jax.experiments.rows import EXPERIMENTS, SCALES
from srn_jax.programs.commandline import Parser

_EXAMPLES = """examples:
  fig9 --data photos/ --vgg weights/vgg19.h5
  fig8 --data train/ --held-out test/ --seeds 3 --output runs/paper
  fig8 --data train.txt --scale paper -- --config.compute.dtype=bfloat16

experiments:
"""
_MOST_SEEDS, _MOST_SHOWN = 100, 100


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Returns the command line's options; ends the program where they are wrong."""
    parser = Parser(
        prog="python -m srn_jax.experiments",
        usage="%(prog)s NAME --data FOLDER [options] [-- --config.SETTING=VALUE ...]",
        description="Trains every row of a table or figure of the paper, judges all on the same held-out pictures with "
        "the same known parts, and writes one page with the table, the figure and the commands. Rows that are trained "
        "are not trained again, and those of several figures once; the same command goes on where it was stopped.",
        epilog=_EXAMPLES + "\n".join(f"  {name:<8} {one.title}" for name, one in EXPERIMENTS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("name", metavar="NAME", choices=list(EXPERIMENTS), help=f"one of {', '.join(EXPERIMENTS)}")
    add("--data", required=True, metavar="FOLDER", help="photographs, or a text file with a path a line")
    add("--held-out", metavar="FOLDER", help="those that are judged, likewise (default: the last 64 of --data by name)")
    add(
        "--scale",
        choices=SCALES,
        default="small",
        help="paper: its sizes and steps, for GPUs; small: 32x32 -> 64x64 and a quarter of the widths, for two CPU "
        "cores (default small)",
    )
    add("--seeds", type=int, default=1, metavar="N", help="train each row N times, and tell the spread (default 1)")
    add("--vgg", default="weights/vgg19.h5", metavar="FILE", help="VGG-19's filters (default weights/vgg19.h5)")
    add("--pictures", type=int, default=6, metavar="N", help="in the figure, spread over the held-out ones (default 6)")
    add("--output", default="runs/experiments", metavar="DIR", help="of runs and pages (default runs/experiments)")
    parser.add_compilation_cache()
    own, settings = sys.argv[1:] if arguments is None else arguments, []
    if "--" in own:  # argparse takes what is behind it for more of NAME
        own, settings = own[: own.index("--")], own[own.index("--") + 1 :]
    options = parser.parse_args(own)
    options.settings = settings
    parser.check_range(options, "seeds", 1, _MOST_SEEDS, f"1 to {_MOST_SEEDS}")
    parser.check_range(options, "pictures", 1, _MOST_SHOWN, f"1 to {_MOST_SHOWN}")
    for setting in options.settings:
        if not setting.startswith("--config.") or "=" not in setting:
            parser.error(f"unexpected argument {setting!r}; settings are given as -- --config.SETTING=VALUE")
    return options
