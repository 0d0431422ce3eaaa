"""From scores of single pictures to means with intervals and medians, and to the tables that show them."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import special

EXACT_DB = 100.0  # what a picture counts as that is met exactly


class Column(NamedTuple):
    """A score: its name, heading, decimals, and which way is better."""

    name: str
    heading: str
    decimals: int
    better: str


COLUMNS = (
    Column("psnr_unknown", "PSNR unknown, dB", 2, "higher"),
    Column("ssim_unknown", "SSIM unknown", 3, "higher"),
    Column("l1_unknown", "L1 unknown", 4, "lower"),
    Column("psnr", "PSNR canvas, dB", 2, "higher"),
    Column("ssim", "SSIM canvas", 3, "higher"),
    Column("l1", "L1 canvas", 4, "lower"),
    Column("seam", "seam error", 4, "lower"),
    Column("step", "step at the border", 2, "near 1"),
    Column("sharpness", "sharpness", 2, "near 1"),
)
OF_A_RUN = ("psnr_unknown", "ssim_unknown", "psnr", "ssim")  # what a training's own table shows
_MEDIANS = ("psnr_unknown", "step", "sharpness")  # what the table of medians shows
LPIPS = Column("lpips", "LPIPS", 3, "lower")  # where its weights are given; has a table of its own
EXPLANATION = (
    "Scores are of 8-bit pictures, means over pictures, with 95 % intervals of the mean (Student's t). PSNR: peak 255, "
    "over all channels; a picture that is met exactly counts as 100 dB. SSIM: 11 x 11 Gaussian window, sigma 1.5, "
    "population covariance, mean over channels, at positions whose window lies on the canvas (scikit-image's with "
    "gaussian_weights). L1: mean absolute difference in [0, 1]. Unknown: the synthesized region alone. Seam error: "
    "across the border, the mean absolute difference of the step in the completed picture and in the real one; step "
    "at the border: its mean size m over that of the real one, t, above 1 a visible line, below 1 a blur; where t is "
    "less than a grey level, 1 + m - t in grey levels. Sharpness: the mean gradient of the luma over "
    "the synthesized region over that of the real picture, below 1 a blur, above 1 noise; a real one of less than a "
    "grey level counts as for the step."
)


class Mean(NamedTuple):
    """A mean over so many pictures; its 95 % interval reaches `half` to both sides, NaN for a single picture."""

    mean: float
    half: float
    pictures: int
    median: float = float("nan")


def means(scores: list[dict[str, float]]) -> dict[str, Mean]:
    """Returns the mean of each score over pictures; where a picture's is NaN, or a ratio to 0, it does not count."""
    found = {}
    for column in (*COLUMNS, *([LPIPS] if "lpips" in scores[0] else [])):
        values = np.array([row[column.name] for row in scores], np.float64)
        if "psnr" in column.name:
            values = np.minimum(values, EXACT_DB)
        found[column.name] = mean(values)
    return found


def mean(values: Float[np.ndarray, " n"]) -> Mean:
    """Returns the mean of what is finite, with its interval."""
    values = values[np.isfinite(values)]
    if not len(values):
        return Mean(float("nan"), float("nan"), 0)
    error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else float("nan")
    half = float(special.stdtrit(len(values) - 1, 0.975) * error) if len(values) > 1 else float("nan")
    return Mean(float(values.mean()), half, len(values), float(np.median(values)))


def rows(summary: dict[str, dict[str, Mean]]) -> list[list[str]]:
    """Returns a table of {system: means} in words: a heading, and a row a system."""
    return _table("system", summary, [column.name for column in COLUMNS], in_words)


def rows_of_a_run(summary: dict[str, dict[str, Mean]]) -> list[list[str]]:
    """Returns a table of few means without intervals: of crops that come of the same few pictures these say nothing."""
    return _table("system", summary, OF_A_RUN, lambda one, decimals: _in_digits(one.mean, decimals))


def medians(summary: dict[str, dict[str, Mean]]) -> list[list[str]]:
    """Returns a table of a few scores' medians, for those whose means single pictures can move far."""
    return _table("medians", summary, _MEDIANS, lambda one, decimals: _in_digits(one.median, decimals))


def _table(
    title: str, summary: dict[str, dict[str, Mean]], names: Sequence[str], words: Callable[[Mean, int], str]
) -> list[list[str]]:
    columns = [column for column in COLUMNS if column.name in names]
    ordered = sorted(columns, key=lambda column: names.index(column.name))
    found = [[title, *(column.heading for column in ordered)]]
    for system, row in summary.items():
        found.append([system, *(words(row[column.name], column.decimals) for column in ordered)])
    return found


def markdown(table: list[list[str]]) -> str:
    """Returns a table with its heading as Markdown."""
    lines = [f"| {' | '.join(row)} |" for row in table]
    return "\n".join([lines[0], "|---" * len(table[0]) + "|", *lines[1:]])


def as_json(summary: dict[str, dict[str, Mean]]) -> dict[str, Any]:
    """Returns {system: {score: {mean, median, interval, pictures}}}; what is not a number is null."""
    return {
        system: {
            name: {
                "mean": _number(one.mean),
                "median": _number(one.median),
                "interval": [_number(one.mean - one.half), _number(one.mean + one.half)],
                "pictures": one.pictures,
            }
            for name, one in row.items()
        }
        for system, row in summary.items()
    }


def finite(scores: dict[str, float]) -> dict[str, float | None]:
    """Returns one picture's scores as JSON can hold them: what is infinite or no number is null."""
    return {name: _number(value) for name, value in scores.items()}


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def in_words(one: Mean, decimals: int) -> str:
    """Returns a mean and its interval with so many decimals."""
    return _in_digits(one.mean, decimals) + ("" if np.isnan(one.half) else f" ± {one.half:.{decimals}f}")


def _in_digits(value: float, decimals: int) -> str:
    return "none" if np.isnan(value) else f"{value:.{decimals}f}"
