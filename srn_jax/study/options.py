"""The command lines of `python -m srn_jax.study make`, `serve` and `report`."""

import argparse
from collections.abc import Callable

from srn_jax.config.numbers import MOST_SEED
from srn_jax.evaluate.tasks import TASKS
from srn_jax.generators.bundled import DEFAULT, bundled
from srn_jax.programs.commandline import Parser
from srn_jax.programs.listening import FIRST_PORT

QUESTIONS = 40  # the paper's
_REPEATED = 10  # of so many questions one shows a pair again
_MOST_QUESTIONS = 1_000
_MOST_PICTURES = 10**9
_PROGRAM = "python -m srn_jax.study"
_EXAMPLES = {
    "": """the two commands, and what came of it:
  make --data PHOTOGRAPHS --methods scenes telea --output study
  serve --study study
  report --study study
""",
    "make": """examples:
  make --data PHOTOGRAPHS --methods scenes telea --output study
  make --data held_out.txt --methods runs/mine scenes:plain real --task sides --limit 60 --output study
  make --set ours=completed/ours --set CA=completed/ca --truth photographs --output study
  make --set ours=ours --set CA=ca --masks masks --pairs 40 --repeats 4 --seed 1 --output study
""",
    "serve": """examples:
  serve --study study
  serve --study study --host 0.0.0.0 --port 8000
""",
    "report": """examples:
  report --study study
  report --study study --output report.html
""",
}


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Returns the command line's options, `program` among them; ends the program where they are wrong."""
    parser = Parser(
        prog=_PROGRAM,
        description="A blind user study, as the paper's Table 2: people are shown two completed pictures beside the "
        "known part, and choose the one that is more realistic.",
        epilog=_EXAMPLES[""],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    programs = parser.add_subparsers(dest="program", required=True, metavar="{make,serve,report}")
    parsers = {}
    for name, (job, description, add) in _PROGRAMS.items():
        parsers[name] = programs.add_parser(
            name,
            help=job,
            description=description,
            epilog=_EXAMPLES[name],
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        add(parsers[name])
    options = parser.parse_args(arguments)
    if options.program == "make":
        _check_make(parsers["make"], options)
    if options.program == "serve":
        parser.check_range(options, "port", 1, 65_535, "1 to 65535")
    return options


def _make(parser: Parser) -> None:
    add = parser.add_argument
    add("--output", required=True, metavar="DIR", help="the study's folder, a new one")
    sets = parser.add_argument_group("pictures that are completed already")
    sets.add_argument(
        "--set",
        action="append",
        type=_named,
        default=[],
        dest="sets",
        metavar="NAME=FOLDER",
        help="a method's name, which no participant sees, and its pictures; twice or more, of the same names in each",
    )
    sets.add_argument("--truth", metavar="FOLDER", help="the real photographs, as one more set, named real")
    sets.add_argument("--known", metavar="FOLDER", help="the known parts, alone or on their canvas, of the same names")
    sets.add_argument(
        "--masks",
        metavar="FOLDER",
        help="instead of --known: white where pictures are painted, black where they are known; without both, what all "
        "sets have in common counts as known",
    )
    data = parser.add_argument_group("photographs that are to be completed")
    data.add_argument("--data", help="a folder, a text file with a path a line, embedded, tfds:NAME, or SOURCE:FOLDER")
    data.add_argument(
        "--methods",
        nargs="+",
        metavar="METHOD",
        help=f"two or more: a model ({', '.join(bundled())}, a run's workdir, a checkpoint), one with :plain behind "
        "for what it paints without detail, a fill (mean, edge, mirror, telea), or real for the photograph itself "
        f"(default {DEFAULT} telea)",
    )
    data.add_argument(
        "--task",
        choices=list(TASKS),
        default="trained",
        help="what is known: as at the training of the first model, placed by seed; the middle 60 %% of the width "
        "(sides); the middle two thirds of width and height (around) (default trained)",
    )
    data.add_argument("--split", default="test", help="of a TFDS data set (default test)")
    add(
        "--limit",
        type=int,
        metavar="N",
        help=f"take N pictures, spread over all of them (default {QUESTIONS} of --data, all of sets)",
    )
    add(
        "--pairs",
        type=int,
        metavar="N",
        help=f"pairs in a questionnaire (default {QUESTIONS}, or as many as there are)",
    )
    add(
        "--repeats",
        type=int,
        metavar="N",
        help="so many of them show a pair again, sides swapped (default a tenth)",
    )
    add("--seed", type=int, default=0, help="of pairs, order and sides, of detail, and of where known parts lie")
    parser.add_compilation_cache()


def _serve(parser: Parser) -> None:
    add = parser.add_argument
    add("--study", required=True, metavar="DIR", help="what make has written")
    add("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1: this machine alone)")
    add("--port", type=int, help=f"port to listen on (default: the first free one from {FIRST_PORT})")


def _report(parser: Parser) -> None:
    add = parser.add_argument
    add("--study", required=True, metavar="DIR", help="what make has written, while it is served or later")
    add("--output", metavar="FILE", help="one HTML file (default report.html in the study's folder)")
    add("--force", action="store_true", help="replace --output where it exists; the default one always is")


_PROGRAMS: dict[str, tuple[str, str, Callable[[Parser], None]]] = {
    "make": (
        "draw up a study, of completed pictures or of photographs",
        "Draws up a study: pictures that are completed already, or photographs that are completed here. Everything is "
        "a function of the seed and of the pictures, but for the names of files.",
        _make,
    ),
    "serve": (
        "serve its page on this machine, and keep the answers",
        "Serves the page that asks. Each answer is written before the next pair is shown; participants go on where "
        "they were, after a reload and after the server was stopped in whatever way.",
        _serve,
    ),
    "report": (
        "say who was preferred, how surely, and how consistently",
        "Prints and writes, for each pair of methods, how often one was preferred, with a 95 % interval and a sign "
        "test, and for each participant how consistent the answers are; also while the page is served.",
        _report,
    ),
}


def _named(text: str) -> tuple[str, str]:
    name, _, folder = text.partition("=")
    if not name.strip() or not folder:
        raise argparse.ArgumentTypeError(f"{text!r}; it takes NAME=FOLDER")
    return name.strip(), folder


def _check_make(parser: Parser, options: argparse.Namespace) -> None:
    """Ends the program where options of `make` do not fit together."""
    of_sets = [name for name in ("truth", "known", "masks") if getattr(options, name) is not None]
    if (options.data is None) == (not options.sets and options.truth is None):
        parser.error("make takes --set NAME=FOLDER, twice or more, or --data with --methods")
    if options.data is not None and of_sets:
        parser.error(f"--{of_sets[0]} is of sets, and --data of photographs that are to be completed")
    if options.data is None and options.methods:
        parser.error("--methods complete the photographs of --data; sets are completed already")
    if options.known is not None and options.masks is not None:
        parser.error("--known and --masks exclude each other")
    parser.check_range(options, "pairs", 1, _MOST_QUESTIONS, f"1 or more, up to {_MOST_QUESTIONS:,}")
    parser.check_range(options, "repeats", 0, _MOST_QUESTIONS, f"0 or more, up to {_MOST_QUESTIONS:,}")
    parser.check_range(options, "limit", 1, _MOST_PICTURES, f"1 or more, up to {_MOST_PICTURES:,}")
    parser.check_range(options, "seed", 0, MOST_SEED, f"0 to {MOST_SEED}")


def length(options: argparse.Namespace, there: int) -> tuple[int, int]:
    """Returns how many questions a questionnaire has, and how many of them show a pair again.

    Args:
      options: of `make`.
      there: how many different pairs there are; fewer than asked for by default make a shorter questionnaire.
    """

    def repeated(questions: int) -> int:
        return min(-(-questions // _REPEATED), questions // 3) if options.repeats is None else options.repeats

    fitting = (n for n in range(QUESTIONS, 0, -1) if n - repeated(n) <= there)
    questions = options.pairs or next(fitting, QUESTIONS)
    return questions, repeated(questions)
