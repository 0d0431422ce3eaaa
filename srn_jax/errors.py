"""The one exception that a user's own input raises: programs print its line and end, callers catch a ValueError."""

import sys
from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar

Entry = TypeVar("Entry")
_LONGEST = 80  # characters of a value in a message


class InputError(ValueError):
    """What the user gave does not fit; the message is one line: what was wrong, the value seen, what would be right."""


def brief(value: Any) -> str:
    """Returns `value` as a message shows it: in one line, of a long one its beginning and its end."""
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        return "a number of thousands of digits"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]}...{text[-_LONGEST // 4 :]}"


def pick(table: Mapping[str, Entry], name: str, setting: str) -> Entry:
    """Returns `table[name]`, a variant; raises InputError that names the setting, the value seen and the valid ones."""
    if name not in table:
        raise InputError(f"{setting} is {name!r}; it takes one of {', '.join(map(repr, table))}")
    return table[name]


def innermost(error: BaseException) -> BaseException:
    """Returns the exception that was raised first, for libraries that wrap what happened in several others."""
    while (inner := error.__cause__ or (None if error.__suppress_context__ else error.__context__)) is not None:
        error = inner
    return error


def refused(error: OSError, otherwise: object) -> InputError:
    """Returns what to say of what the system refused: of the file or folder that it names, or of `otherwise`."""
    return InputError(f"cannot use {error.filename or otherwise}: {error.strerror or error}")


def fail(error: Exception) -> NoReturn:
    """Prints `error` as one line and ends the program with status 2."""
    print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
    sys.exit(2)
