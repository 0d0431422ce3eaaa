"""How programs begin and end: what takes long is imported when options are right; a mistake gets one line."""

import argparse
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from srn_jax.errors import InputError, fail, refused
from srn_jax.programs import cache, interruption


def _output(options: argparse.Namespace) -> Any:
    return options.output


@dataclass(frozen=True)
class Program:
    """A program, which a call runs: `Program(...)(arguments)` returns its exit status.

    Attributes:
      parse: the command line (None: the process') -> its options; it ends the process where they are wrong.
      work: the module whose `run(options)` does the work and returns the exit status, None for 0; it is imported when
        the options are right.
      place: options -> the file or folder that a refusal of the system is about, where the system names none.
      interrupted: what is said after Ctrl-C, or the exit status alone.
    """

    parse: Callable[[list[str] | None], argparse.Namespace]
    work: str
    place: Callable[[argparse.Namespace], Any] = _output
    interrupted: str | int = "interrupted; nothing was written"

    def __call__(self, arguments: list[str] | None = None) -> int:
        """Runs the program; what the user gave wrongly, or the system refuses, ends it with one line and status 2."""
        options = self.parse(arguments)
        try:
            if hasattr(options, "compilation_cache"):
                cache.keep_programs(options.compilation_cache)
            work = importlib.import_module(self.work)
            interruption.is_noticed()
            return work.run(options) or 0
        except InputError as error:
            fail(error)
        except BrokenPipeError:
            raise
        except OSError as error:
            fail(refused(error, self.place(options)))

    def end(self) -> NoReturn:
        """Runs the program on the process' command line, and ends the process."""
        interruption.run(self, self.interrupted)
