"""Counts in words."""


def many(count: int, noun: str) -> str:
    """Returns a count and what is counted, as "1 pair" or "1,200 pairs"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
