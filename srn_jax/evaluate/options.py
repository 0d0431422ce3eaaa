"""The command line of `python -m srn_jax.evaluate`."""

import argparse

from srn_jax.config.numbers import MOST_SEED
from srn_jax.evaluate.tasks import TASKS
from srn_jax.generators.bundled import DEFAULT, loadable
from srn_jax.programs.commandline import Parser

_MOST_PICTURES = 10**9
_MOST_BATCH = 2**16  # all of it is in memory, whatever the number of pictures
_EXAMPLES = """examples:
  --checkpoint runs/mine --data photos/
  --checkpoint runs/mine --data held_out.txt --limit 200 --output evaluation/mine
  --checkpoint runs/quickstart --data embedded
  --checkpoint birds --data photos/ --full-resolution sides --limit 20
"""


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Returns the command line's options; ends the program where they are wrong."""
    parser = Parser(
        prog="python -m srn_jax.evaluate",
        description="Scores a generator on pictures that it never saw, beside simple fills: PSNR, SSIM, L1, the "
        "seam and the sharpness, of each picture, their means and medians, with contact sheets, and a report in one "
        "HTML file.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--checkpoint", default=DEFAULT, help=f"the model: {loadable()} (default {DEFAULT})")
    add("--data", required=True, help="a folder, a text file with a path a line, embedded, tfds:NAME, or SOURCE:FOLDER")
    add("--split", default="test", help="of a TFDS data set (default test)")
    add("--limit", type=int, metavar="N", help="judge N pictures, spread over all of them")
    add("--output", default="evaluation", metavar="DIR", help="a new folder (default evaluation)")
    add("--force", action="store_true", help="replace the folder's report where there is one")
    add("--batch", type=int, default=8, help="pictures at a time, on all devices together (default 8)")
    add("--inception", metavar="FILE", help="weights for FID and KID: pt_inception-2015-12-05-6726825d.pth")
    add("--lpips", nargs="+", metavar="FILE", help="weights for LPIPS: alex.pth and alexnet-owt-7be5be79.pth, say")
    add(
        "--full-resolution",
        nargs="?",
        const="trained",
        choices=list(TASKS),
        help="judge photographs at their own resolution, not at the model's: what is known lies as at training, scaled "
        "(trained, also where nothing is named), or is the middle 60 %% of the width (sides) or the middle two thirds "
        "of width and height (around)",
    )
    add("--detail", choices=["on", "off"], default="on", help="judge the model with detail too, which takes longer")
    add("--seed", type=int, default=0, help="of detail, and of where known parts lie, if they lay anywhere at training")
    parser.add_compilation_cache()
    options = parser.parse_args(arguments)
    parser.check_range(options, "limit", 1, _MOST_PICTURES, f"1 or more, up to {_MOST_PICTURES:,}")
    parser.check_range(options, "batch", 1, _MOST_BATCH, f"1 or more, up to {_MOST_BATCH:,}")
    parser.check_range(options, "seed", 0, MOST_SEED, f"0 to {MOST_SEED}")
    if options.full_resolution and (options.inception is not None or options.lpips):
        parser.error("--inception and --lpips look at pictures of one size; leave them out with --full-resolution")
    return options
