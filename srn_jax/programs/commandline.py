"""The command lines of all programs but training's: a mistake gets one line there too."""

import argparse
import io
import re
import sys
from typing import Any, NoReturn

from srn_jax.errors import InputError, brief, fail
from srn_jax.programs import cache

_LONG = re.compile(r"(\S{200})\S{100,}(\S{20})")  # a word that no line should hold as a whole


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that tells what is wrong, and leaves the usage to --help."""

    def __init__(self, **settings: Any) -> None:
        """Also lets the program print file names that are no text of the terminal's."""
        super().__init__(**settings)
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Returns what argparse does; names of options may have underscores for hyphens."""
        given = list(sys.argv[1:] if args is None else args)
        end = given.index("--") if "--" in given else len(given)  # what is behind it are no options
        return super().parse_known_args([*map(_hyphened, given[:end]), *given[end:]], namespace)

    def add_compilation_cache(self) -> None:
        """Adds the option of where compiled programs are kept, which `Program` goes by."""
        self.add_argument("--compilation-cache", metavar="DIR", help=cache.ARGPARSE_HELP)

    def error(self, message: str) -> NoReturn:
        """Ends the program with status 2."""
        message = _LONG.sub(r"\1...\2", message)
        fail(InputError(f"{message}; --help lists the options"))

    def check_range(self, options: argparse.Namespace, name: str, least: int, most: int, takes: str) -> None:
        """Ends the program where the option `name` is given and not in [least, most]; `takes` says what it takes."""
        value = getattr(options, name)
        if value is not None and not least <= value <= most:
            self.error(f"{_hyphened(f'--{name}')} is {brief(value)}; it takes {takes}")


def _hyphened(argument: str) -> str:
    """Returns an option with hyphens in its name; its value, and what is no option, as it is."""
    name, equals, value = argument.partition("=")
    return f"{name.replace('_', '-')}{equals}{value}" if name.startswith("--") else argument
