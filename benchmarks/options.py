"""What the programs' command lines share, and how programs end: a line to standard error, and a status."""

import argparse
import importlib.util
import json
import re
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
from tqdm import tqdm

from benchmarks import contest, machine, report
from benchmarks.compare import WrongResultError
from benchmarks.contest import Contestant, ContestError
from srn_jax.errors import InputError, brief
from srn_jax.programs.commandline import Parser

_DIGITS = 12  # more is no number of rounds, steps or pixels


def bare(program: str, description: str | None) -> Parser:
    """Returns a parser without options."""
    return Parser(
        prog=f"python -m benchmarks.{program}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def parser(program: str, description: str | None, *, rounds: int) -> Parser:
    """Returns a parser with what the programs take that hold contests."""
    made = bare(program, description)
    add = made.add_argument
    add("--rounds", type=at_least_1, default=rounds, help=f"timed calls a contestant (default {rounds})")
    add("--threads", type=_threads, default=machine.cores(), help="of each contestant (default: all cores)")
    add("--json", metavar="FILE", type=Path, help="write everything that was measured")
    add("--short", action="store_true", help="small and quick, to see whether all works and agrees; times mean little")
    add("--wrong", help=argparse.SUPPRESS)  # a contestant that is given disturbed arrays, for tests
    return made


def add_shape(made: Parser) -> None:
    """Adds what networks' shapes follow from."""
    add = made.add_argument
    add("--width", type=at_least_1, default=64, help="n, of generator and critics (default 64, the paper's)")
    add("--batch", type=at_least_1, default=1, help="pictures at a time (default 1)")
    add("--canvas", type=_size, default=(256, 256), help="HxW; half of it each way is known (default 256x256)")


def add_sizes(made: Parser, contestants: Sequence[str]) -> None:
    """Adds what the programs that hold contests of networks take besides."""
    add_shape(made)
    add = made.add_argument
    add("--dtype", choices=("float32", "bfloat16"), default="float32", help="networks' (default float32)")
    add("--contestants", nargs="+", choices=contestants, default=list(contestants), help="(default: all)")


def parse(made: Parser, **short: Any) -> argparse.Namespace:
    """Returns the options; with --short, `short` takes the place of defaults."""
    options = made.parse_args()
    if options.short:
        made.set_defaults(**short)
        options = made.parse_args()
    return options


def hold_all(
    entries: Mapping[str, Sequence[Contestant]],
    check: Callable[[str, dict[str, Any]], dict[str, float]],
    options: argparse.Namespace,
    table: Callable[[Sequence[report.Contest]], str] = report.table,
) -> None:
    """Holds the contests that `entries`, {what is done: who takes part}, stands for, one after the other, and tells.

    What ends the program earlier, a contestant that fails or a signal, leaves the contests before it told.
    """
    peers = [one for contestants in entries.values() for one in contestants if one.peer]
    if peers and importlib.util.find_spec("torch") is None:
        raise ContestError("the peers need PyTorch: pip install -e '.[benchmark]'")
    held = []
    total = sum(len(contestants) for contestants in entries.values()) * (1 + options.rounds)
    every = 0.1 if sys.stderr.isatty() else 10.0  # a log file wants few lines
    try:
        with tqdm(total=total, file=sys.stderr, dynamic_ncols=True, mininterval=every) as bar:
            for what, contestants in entries.items():

                def tick(text: str, what: str = what) -> None:
                    bar.set_description(f"{what}: {text}", refresh=False)
                    bar.update()

                measured, differences = contest.hold(
                    contestants,
                    rounds=options.rounds,
                    threads=options.threads,
                    check=lambda outcomes, what=what: check(what, outcomes),
                    tick=tick,
                    untimed=untimed(options),
                )
                held.append(report.Contest(what, measured, differences))
    finally:
        if held:
            _tell(held, options, table)


def untimed(options: argparse.Namespace) -> int:
    """Returns how many rounds come before the first that is timed: none of a short form, whose times mean little."""
    return 0 if options.short else contest.UNTIMED


def _tell(
    held: Sequence[report.Contest],
    options: argparse.Namespace,
    table: Callable[[Sequence[report.Contest]], str],
) -> None:
    """Prints the table, and writes JSON where it was asked for."""
    print(f"{report.title(held, options.threads)}\n\n{table(held)}\n\n{report.agreement(held)}".rstrip())
    if options.json:
        given = {name: value for name, value in vars(options).items() if name not in ("json", "wrong")}
        options.json.write_text(json.dumps(report.as_json(held, given), indent=1) + "\n")


def run(main: Callable[[], None]) -> None:
    """Runs a program: status 1 where results are wrong, 2 where it cannot run, each with one line."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # ends what was started
    jax.config.update("jax_platforms", "cpu")  # of this process: an accelerator is for the contestants
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
    except WrongResultError as error:
        print(f"wrong result: {error}", file=sys.stderr)
        sys.exit(1)
    except (ContestError, InputError, OSError) as error:
        print(error, file=sys.stderr)
        sys.exit(2)


def at_least_1(text: str) -> int:
    """Returns the whole number that `text` is, for argparse."""
    if not text.isascii() or not text.isdigit() or len(text) > _DIGITS or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{brief(text)} is no whole number from 1 on, of up to {_DIGITS} digits")
    return int(text)


def above_0(text: str) -> float:
    """Returns the number that `text` is, for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 10**_DIGITS:
        raise argparse.ArgumentTypeError(f"{brief(text)} is no number above 0 and below 1e{_DIGITS}")
    return value


def _threads(text: str) -> int:
    if (value := at_least_1(text)) > machine.cores():
        raise argparse.ArgumentTypeError(f"{value} is more than the {machine.cores()} cores that are there")
    return value


def _size(text: str) -> tuple[int, int]:
    """Returns (height, width) of HxW."""
    found = re.fullmatch(r"([0-9]{2,5})x([0-9]{2,5})", text)
    size = (int(found[1]), int(found[2])) if found else (0, 0)
    if min(size) < 16 or any(side % 8 for side in size):
        raise argparse.ArgumentTypeError(f"{brief(text)} is not HxW in multiples of 8, from 16 on")
    return size
