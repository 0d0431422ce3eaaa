"""Numbers at the door, and values in messages."""

from fractions import Fraction

import numpy as np
import pytest

from srn_jax.config import numbers
from srn_jax.errors import InputError, brief


@pytest.mark.parametrize(
    ("text", "number"),
    [("2", 2), ("1.5", Fraction(3, 2)), ("16/9", Fraction(16, 9)), ("1e3", 1000), ("1e9", 10**9), ("1_0", 10)],
)
def test_text_is_taken_exactly(text, number):
    assert numbers.positive(text) == number


@pytest.mark.parametrize(
    "text",
    ["", "0", "-1", "nan", "inf", "1e400", "1e999999999", "1e-999999999", "1e10", "1e-10", "1/1e9", "9" * 5000, "0x4"],
)
def test_text_that_is_no_number_above_0_is_refused_at_once(text):
    with pytest.raises(ValueError, match=r".") as found:
        numbers.positive(text)
    assert len(str(found.value)) < 150


@pytest.mark.parametrize("value", [np.int8(3), np.uint64(3), np.array(3), 3])
def test_integers_become_pythons(value):
    assert type(numbers.pixels("top", value)) is int


@pytest.mark.parametrize("value", [True, np.bool_(0), np.array(True), 3.0, "3", None, np.array([3, 4]), -1])
def test_what_is_no_whole_number_is_refused_in_one_short_line(value):
    with pytest.raises(InputError, match=r"^top is .*; it takes a whole number of pixels, 0 or more") as found:
        numbers.pixels("top", value)
    assert len(str(found.value)) < 200
    assert "\n" not in str(found.value)


def test_long_values_are_shown_by_their_ends():
    assert brief("short") == "'short'"
    assert brief("a" * 500 + "z") == f"'{'a' * 39}...{'a' * 18}z'"
    assert brief(np.zeros((3, 3))).count("\n") == 0


def test_numbers_that_python_does_not_write_are_refused_too():
    with pytest.raises(InputError, match="top is a number of thousands of digits; it takes"):
        numbers.pixels("top", 10**5000)
