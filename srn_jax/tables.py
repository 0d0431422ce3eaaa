"""Looking a variant up in its table."""

from collections.abc import Mapping
from typing import TypeVar

from srn_jax.errors import InputError

Entry = TypeVar("Entry")


def pick(table: Mapping[str, Entry], name: str, setting: str) -> Entry:
    """Returns `table[name]`; raises InputError that names the setting, the value seen and the valid ones."""
    if name not in table:
        raise InputError(f"{setting} is {name!r}; it takes one of {', '.join(map(repr, table))}")
    return table[name]
