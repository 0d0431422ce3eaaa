"""Contests as a Markdown table and as JSON."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks import machine
from benchmarks.contest import Measured


@dataclass(frozen=True)
class Contest:
    """One contest that was held: what was done, by whom in what time, and how far results differ."""

    what: str
    measured: Sequence[Measured]
    differences: dict[str, float]


def median(measured: Measured) -> float:
    """Returns the median of the timed calls, in seconds."""
    return statistics.median(measured.seconds)


def over_fastest_peer(measured: Measured, all_measured: Sequence[Measured]) -> float | None:
    """Returns a contestant's median over that of the fastest peer; None without peers."""
    peers = [median(other) for other in all_measured if other.peer]
    return median(measured) / min(peers) if peers else None


def table(contests: Sequence[Contest]) -> str:
    """Returns a row for each contestant of each contest."""
    header = ["what", "contestant", "median s", "min s", "over the fastest peer", "compile and first call s"]
    header += ["peak MB, calls", "peak MB, process"]
    rows = []
    for contest in contests:
        for one in contest.measured:
            ratio = over_fastest_peer(one, contest.measured)
            cells = [contest.what, one.name, _in_digits(median(one)), _in_digits(min(one.seconds))]
            cells += ["" if ratio is None else f"{ratio:.2f}", f"{one.first_seconds:.1f}"]
            cells += [f"{one.peak_calls / 1e6:,.0f}", f"{one.peak_process / 1e6:,.0f}"]
            rows.append(cells)
    return machine.table(header, rows)


def _in_digits(seconds: float) -> str:
    """Returns seconds in three digits or more: an accelerator's are thousandths."""
    return f"{seconds:.3f}" if seconds >= 0.1 else f"{seconds:.5f}"


def agreement(contests: Sequence[Contest]) -> str:
    """Returns a line for each contest with the differences that were found; none where nothing was compared."""
    lines = []
    for contest in contests:
        found = "; ".join(f"{name} {value:.1e}" for name, value in contest.differences.items())
        lines += [f"{contest.what}: results differ by: {found}"] if found else []
    return "\n".join(lines)


def title(contests: Sequence[Contest], threads: int) -> str:
    """Returns the machine, the libraries, and how was measured, in one line."""
    libraries = dict.fromkeys(one.library for contest in contests for one in contest.measured)
    rounds = len(contests[0].measured[0].seconds)
    return f"{machine.describe(*libraries)}; {threads} threads, {rounds} rounds"


def as_json(contests: Sequence[Contest], options: dict[str, Any]) -> dict[str, Any]:
    """Returns everything that was measured: every time, not only medians."""
    return {
        "machine": machine.describe(),
        "options": options,
        "contests": [
            {
                "what": contest.what,
                "differences": contest.differences,
                "contestants": [
                    asdict(one)
                    | {
                        "median": median(one),
                        "min": min(one.seconds),
                        "over_fastest_peer": over_fastest_peer(one, contest.measured),
                    }
                    for one in contest.measured
                ],
            }
            for contest in contests
        ],
    }
