"""The command line of `python -m srn_jax.infer`."""

import argparse
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from srn_jax.config.numbers import MOST_PIXELS, MOST_SEED, MOST_TIMES, positive
from srn_jax.errors import brief
from srn_jax.generators.bundled import DEFAULT, DEFAULT_BETWEEN, loadable
from srn_jax.geometry.placement import AROUND
from srn_jax.infer.wanted import MOST_AT_A_TIME, ROUNDINGS, Wanted
from srn_jax.pictures.written import FORMATS
from srn_jax.programs.commandline import Parser

_EXAMPLES = """examples:
  --input photo.jpg --output wide.png --left 200 --right 200
  --input photo.jpg --output wide.jpg --aspect 16:9 --feather 20
  --input photos/ --output extended/ --ratio 1.5 --format webp
  --input left.jpg --input2 right.jpg --gap 300 --output joined.png
"""

# What is of one picture, or of a folder of them.
_OF_ONE = ("top", "bottom", "left", "right", "size", "aspect", "ratio", "placement", "fit", "batch", "share")
_UP_TO = f", up to {MOST_TIMES:,} each"
_MOST_PASSES = 1_000  # some minutes on two cores


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Returns the command line's options, `wanted` among them; ends the program where they are wrong."""
    parser = Parser(
        prog="python -m srn_jax.infer",
        description="Paints beyond the borders of a picture, or of each picture of a folder, or between two pictures; "
        "their pixels stay.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--checkpoint", help=f"the model: {loadable()} (default {DEFAULT}; of two pictures {DEFAULT_BETWEEN})")
    add("--input", required=True, help="a picture, or a folder of pictures")
    add("--input2", metavar="PICTURE", help="join it to the right of --input, --gap apart, at the lesser's height")
    add("--gap", type=int, metavar="PIXELS", help="how much is painted between both, in the output's pixels")
    add("--output", required=True, help=f"a file ({', '.join(FORMATS)}); a folder where --input is one")
    canvas = parser.add_argument_group("canvas", "by default as many times the picture as at the model's training")
    for side in ("top", "bottom", "left", "right"):
        canvas.add_argument(f"--{side}", type=int, metavar="PIXELS", help=f"paint so far beyond the {side}")
    canvas.add_argument("--size", type=_pixels, metavar="WxH", help="the canvas, in pixels")
    canvas.add_argument("--aspect", type=_aspect, metavar="W:H", help="the smallest canvas of this aspect, as 16:9")
    canvas.add_argument(
        "--ratio", type=_ratio, metavar="R", help="so many times the picture, as 2, 1.5 or 2x1 (width x height)"
    )
    canvas.add_argument("--placement", choices=list(AROUND), help="where the picture lies; by default as at training")
    canvas.add_argument("--margins", dest="placement", choices=list(AROUND), help=argparse.SUPPRESS)  # as it was called
    canvas.add_argument("--seed", type=int, default=0, help="of detail and of --placement random (default 0)")
    add(
        "--feather", type=int, default=0, metavar="PIXELS", help="let so many painted pixels take on the picture's tone"
    )
    add(
        "--detail",
        choices=("on", "off"),
        help="on: texture from the picture, at its own resolution; another --seed gives another version. off: what the "
        "model paints, enlarged (default on, but with --rounding truncate)",
    )
    add("--fit", action="store_true", help="first crop and scale the picture to the size that the model was trained at")
    add(
        "--format",
        choices=[ending[1:] for ending in FORMATS],
        default="png",
        help="of a folder's outputs (default png)",
    )
    add(
        "--rounding",
        choices=ROUNDINGS,
        default="nearest",
        help="truncate: all pixels, in one pass at the picture's size, as the release's test.py does",
    )
    parser.add_compilation_cache()
    add(
        "--most-passes",
        type=int,
        default=_MOST_PASSES,
        metavar="N",
        help="refuse a picture whose margins take more passes of the model, which are told before anything is painted "
        f"(default {_MOST_PASSES:,})",
    )
    add(
        "--batch",
        type=int,
        metavar="N",
        help="on an accelerator, paint up to N windows, also of several pictures of a folder, in one call of the model "
        "(default 32); on a CPU they go one by one, which is as fast",
    )
    add(
        "--share",
        type=_share,
        metavar="K/N",
        help="of a folder, do the K-th of N equal shares, from 0 on: for N hosts that see the same --output, each with "
        "a K of its own and else the same command",
    )
    add("--force", action="store_true", help="replace outputs that exist")
    options = parser.parse_args(arguments)
    asked = [name for name in ("size", "aspect", "ratio") if getattr(options, name) is not None]
    sides = [name for name in ("top", "bottom", "left", "right") if getattr(options, name) is not None]
    if len(asked) > 1:
        parser.error(f"--{' and --'.join(asked)} exclude each other")
    if options.placement and sides:
        parser.error("--placement and --top, --bottom, --left, --right exclude each other")
    for name in ("top", "bottom", "left", "right", "feather"):
        parser.check_range(options, name, 0, MOST_PIXELS, f"0 pixels or more, up to {MOST_PIXELS:,}")
    parser.check_range(options, "seed", 0, MOST_SEED, f"0 to {MOST_SEED}")
    parser.check_range(options, "most_passes", 1, MOST_PIXELS, f"1 or more, up to {MOST_PIXELS:,}")
    parser.check_range(options, "batch", 1, MOST_AT_A_TIME, f"1 or more, up to {MOST_AT_A_TIME:,}")
    parser.check_range(options, "gap", 1, MOST_PIXELS, f"1 pixel or more, up to {MOST_PIXELS:,}")
    if (options.input2 is None) != (options.gap is None):
        parser.error("--input2 and --gap go together: the right picture, and the pixels that are painted between")
    if options.input2 is not None:
        given = [name for name in _OF_ONE if getattr(options, name) is not None and getattr(options, name) is not False]
        if given or options.rounding != "nearest":
            parser.error(f"--input2 and --{(given or ['rounding'])[0]} exclude each other")
    options.checkpoint = options.checkpoint or (DEFAULT if options.input2 is None else DEFAULT_BETWEEN)
    if options.feather and options.rounding == "truncate":
        parser.error("--feather and --rounding truncate exclude each other")
    if options.detail == "on" and options.rounding == "truncate":
        parser.error("--detail on and --rounding truncate exclude each other")
    options.detail = options.detail or ("off" if options.rounding == "truncate" else "on")
    names = ("top", "bottom", "left", "right", "size", "aspect", "ratio", "seed")
    options.wanted = Wanted(placement=options.placement, **{name: getattr(options, name) for name in names})
    return options


def _pixels(text: str) -> tuple[int, int]:
    width, height = _two(text, "x", _side)
    return width, height


def _side(text: str) -> int:
    """Returns a side in pixels; raises ValueError where it is no whole number, or no canvas is so long."""
    if positive(text).denominator > 1:
        raise ValueError(f"{brief(text)} is no whole number")
    return int(text)


def _aspect(text: str) -> Fraction:
    width, height = _two(text, ":", positive)
    return width / height


def _ratio(text: str) -> tuple[Fraction, Fraction]:
    try:
        return _two(text if "x" in text else f"{text}x{text}", "x", positive)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(
            f"{brief(text)} is not a number above 0, or two with 'x' in between{_UP_TO}"
        ) from error


def _share(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([0-9]{1,7})/([0-9]{1,7})", text)
    share, shares = (int(found[1]), int(found[2])) if found else (0, 0)
    if not share < shares:
        raise argparse.ArgumentTypeError(f"{brief(text)} is not K/N with K from 0 to N - 1, as 0/4 to 3/4")
    return share, shares


def _two(text: str, between: str, kind: Callable[[str], Any]) -> tuple:
    """Returns both numbers of W`between`H; raises ArgumentTypeError where they are not two numbers above 0."""
    try:
        width, height = (kind(part) for part in text.split(between))
    except (ValueError, ZeroDivisionError) as error:
        raise argparse.ArgumentTypeError(
            f"{brief(text)} is not two numbers above 0 with {between!r} in between{_UP_TO}"
        ) from error
    return width, height
