"""Parsing the command line of the main program: every mistake in it gets one line."""

from pathlib import Path

from absl import flags

from srn_jax.errors import InputError, fail
from srn_jax.generator import root_cause


def parse_or_fail(argv: list[str]) -> list[str]:
    """Returns what `flags.FLAGS(argv)` does; ends the program with one line where it would raise."""
    try:
        _check_config_file(argv)
        return flags.FLAGS(argv)
    except InputError as error:
        fail(error)
    except flags.Error as error:
        fail(InputError(f"{error}; --help lists the flags"))
    except Exception as error:  # the configuration file is the user's program: it may raise anything
        fail(InputError(f"the configuration cannot be read: {_describe(error)}"))


def _describe(error: Exception) -> str:
    message = root_cause(error).strip("\"'")
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
        if "configs" in frame.tb_frame.f_code.co_filename:
            message += f" ({Path(frame.tb_frame.f_code.co_filename).name}, line {frame.tb_lineno})"
    return message


def _check_config_file(argv: list[str]) -> None:
    """Raises InputError where --config names no file, with those that there are."""
    for number, argument in enumerate(argv):
        name, equals, value = argument.lstrip("-").partition("=")
        if not argument.startswith("-") or name != "config":
            continue
        path = value if equals else (argv[number + 1] if number + 1 < len(argv) else "")
        if not Path(path).is_file():
            folder = Path(path).parent if Path(path).parent.is_dir() else Path("configs")
            there = ", ".join(sorted(str(file) for file in folder.glob("*.py"))) or f"none in {folder}"
            raise InputError(f"--config names {path!r}, which is no file; there are: {there}")
