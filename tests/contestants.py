"""Makers of contestants that need nothing, for `tests/test_contest.py`: each is called in a process of its own."""

from benchmarks.worker import Subject


def adder(value: float) -> Subject:
    return Subject(call=lambda: value + 1, outcome=lambda made: made, library="none 1")


def failing() -> Subject:
    raise ValueError("no such thing\nand more")
