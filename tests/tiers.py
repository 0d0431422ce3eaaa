"""Which cases of a test the fast tier has."""

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def slow_but(fast: Collection[Any], values: Iterable[Any]) -> list[Any]:
    """Returns the values of one parameter of a test, slow but for those that are `fast`."""
    values = list(values)
    assert all(one in values for one in fast), f"of {fast} some are none of {values}: the fast tier would have no case"
    return [value if value in fast else pytest.param(value, marks=pytest.mark.slow) for value in values]
