"""Parsing the command line of training: every mistake in it gets one line."""

import difflib
import re
import sys
import traceback
from typing import Any

from absl import flags
from ml_collections import config_flags

from srn_jax.config import AUTO, Config, fields_of, former_names, shipped
from srn_jax.errors import InputError, brief, fail, innermost

# What absl and Python say of a value that is of another type than its setting, and what the setting takes.
_TAKES = {
    "invalid literal for int()": "a whole number",
    "Exceeds the limit": "a whole number of fewer digits",
    "could not convert string to float": "a number",
    "Error while parsing string": """values in brackets, such as "(64, 64)" or "('conv3_2',)\"""",
}


class _WholeNumber(flags.IntegerParser):
    """Takes AUTO as well."""

    def parse(self, argument: Any) -> Any:
        return AUTO if argument == AUTO else super().parse(argument)


config_flags.register_flag_parser_for_type(Any, _WholeNumber())


def parse_or_fail(argv: list[str]) -> list[str]:
    """Returns what `flags.FLAGS(argv)` does; ends the program with one line where it would raise."""
    try:
        argv = _checked(argv)
        return flags.FLAGS([*argv[:1], *map(_as_defined, argv[1:])])
    except SystemExit:  # --help, which absl ends with status 1
        sys.exit(0)
    except InputError as error:
        fail(error)
    except flags.Error as error:
        first = innermost(error)
        if isinstance(first, flags.Error) or "parsing config file" not in str(error):
            fail(_of_value(str(error)))
        fail(_in_file(first))
    except Exception as error:  # the configuration file is the user's program: it may raise anything
        fail(_in_file(error))


def _as_defined(argument: str) -> str:
    """Returns a flag as absl knows it, whose name may have been given with hyphens for underscores."""
    name, equals, value = argument.partition("=")
    known = name.removeprefix("--").replace("-", "_")
    return f"--{known}{equals}{value}" if name.startswith("--") and known in flags.FLAGS else argument


def _of_value(message: str) -> InputError:
    """Returns what to say of a flag that absl refuses with `message`."""
    for said, takes in _TAKES.items():
        if found := re.match(rf"flag --config\.([\w.]+)=(.*?): {re.escape(said)}", message, re.DOTALL):
            return InputError(f"{found[1]} is {brief(found[2])}; it takes {takes}")
    return InputError(f"{message}; --help lists the flags")


def _in_file(error: BaseException) -> Exception:
    """Returns what to say of an error that a configuration file raised; its own InputErrors speak for themselves."""
    if isinstance(error, InputError):
        return error
    if "get_config() takes 0 positional arguments" in str(error):
        return InputError("this configuration file has no rows to choose from: leave out the colon and what follows it")
    place = traceback.extract_tb(error.__traceback__)[-1]
    return InputError(f"the configuration cannot be read: {error} ({place.filename}, line {place.lineno})")


def _checked(argv: list[str]) -> list[str]:
    """Returns `argv` with what --config names as a file's path, and settings by the names that they have now.

    Raises:
      InputError: --config names no configuration file, or --config.x no setting; it says which there are.
    """
    checked = list(argv)
    for place, argument in enumerate(argv):
        name, equals, value = argument.lstrip("-").partition("=")
        if not argument.startswith("-") or name.partition(".")[0] != "config":
            continue
        if name != "config":
            checked[place] = f"--config.{_setting(name.removeprefix('config.'))}{equals}{value}"
        elif equals:
            checked[place] = f"--config={_with_path(value)}"
        elif place + 1 < len(argv):  # else absl says that a value is missing
            checked[place + 1] = _with_path(argv[place + 1])
    return checked


def _with_path(value: str) -> str:
    """Returns FILE or FILE:ARGUMENT, which hands the argument to the file's get_config, with the file's path."""
    name, colon, argument = value.partition(":")
    return f"{shipped.find(name)}{colon}{argument}"


def _setting(name: str) -> str:
    names = list(fields_of(Config()))
    name = former_names().get(name, name)
    if name not in names:
        close = difflib.get_close_matches(name, names, n=3) or names
        raise InputError(f"there is no setting {name!r}; did you mean {' or '.join(close)}?")
    return name
