"""The command lines of all programs but training's: a mistake gets one line there too."""

import argparse
import io
import sys
from typing import Any, NoReturn

from srn_jax.errors import InputError, fail


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
        fail(InputError(f"{message}; --help lists the options"))
