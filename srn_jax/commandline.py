"""The command lines of all programs but training's: a mistake gets one line there too."""

import argparse
from typing import NoReturn

from srn_jax.errors import InputError, fail


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that tells what is wrong, and leaves the usage to --help."""

    def error(self, message: str) -> NoReturn:
        """Ends the program with status 2."""
        fail(InputError(f"{message}; --help lists the options"))
