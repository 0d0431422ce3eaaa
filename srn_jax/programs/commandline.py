"""The command lines of all programs but training's: a mistake gets one line there too."""

import argparse
import io
import re
import sys
from typing import Any, NoReturn

from srn_jax.errors import InputError, brief, fail

_LONG = re.compile(r"(\S{200})\S{100,}(\S{20})")  # a word that no line should hold as a whole


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that tells what is wrong, and leaves the usage to --help."""

    def __init__(self, **settings: Any) -> None:
        """Also lets the program print file names that are no text of the terminal's."""
        super().__init__(**settings)
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")

    def error(self, message: str) -> NoReturn:
        """Ends the program with status 2."""
        message = _LONG.sub(r"\1...\2", message)
        fail(InputError(f"{message}; --help lists the options"))

    def check_range(self, options: argparse.Namespace, name: str, least: int, most: int, takes: str) -> None:
        """Ends the program where the option `name` is given and not in [least, most]; `takes` says what it takes."""
        value = getattr(options, name)
        if value is not None and not least <= value <= most:
            self.error(f"--{name} is {brief(value)}; it takes {takes}")
