"""An experiment on one page: its table, its figure as the paper lays them out, and the commands that made it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import UInt8

from srn_jax.evaluate import page, sheets, summary
from srn_jax.experiments.judgement import RowJudgement, difference

# The scores of the table, by their names in `evaluate.summary`, and those whose differences are told beside them.
_SHOWN = ("psnr_unknown", "ssim_unknown", "step", "sharpness")
_COMPARED = ("psnr_unknown", "ssim_unknown")
_COLUMNS = [column for column in summary.COLUMNS if column.name in _SHOWN]
EXPLANATION = (
    "Means over the held-out pictures, each with the same known part for all rows, with 95 % intervals (Student's t). "
    "Differences are of the same pictures, paired, with their own intervals: where an interval does not hold 0, the "
    "rows differ beyond chance of the pictures, though not of the training unless there are several seeds. "
    "Seconds: a picture alone in its call, compiled, the median of nine turns. "
)


def table(judged: Mapping[str, RowJudgement], reference: str, failures: Mapping[str, str]) -> list[list[str]]:
    """Returns the table in words: a heading, a row for each label of `judged` and `failures`, and the fills.

    Args:
      reference: the label that the others are compared with.
      failures: why rows have no scores, by label.
    """
    several = any(len(one.scores) > 1 for one in judged.values())
    differences = [f"{column.heading}: to {reference}" for column in _COLUMNS if column.name in _COMPARED]
    seeds = ["PSNR over seeds, s.d."] if several else []
    costs = ["seconds", "parameters"]
    found = [["system", *(column.heading for column in _COLUMNS), *differences, *seeds, *costs]]
    for label, one in judged.items():
        cells = [label, *_scores(one)]
        for column in _COLUMNS:
            if column.name in _COMPARED:
                cells.append(
                    "" if label == reference or reference not in judged else _difference(one, judged[reference], column)
                )
        cells += [f"{one.spread('psnr_unknown'):.2f}"] if several else []
        found.append([*cells, f"{one.seconds:.3f}", f"{one.parameters:,}"])
    for label, why in failures.items():
        found.append([label, f"failed: {why}", *[""] * (len(found[0]) - 2)])
    first = next(iter(judged.values()), None)
    for name, scores in (first.fills if first else {}).items():
        found.append([name, *_scores(RowJudgement(scores=[scores])), *[""] * (len(found[0]) - 1 - len(_COLUMNS))])
    return found


def _scores(one: RowJudgement) -> list[str]:
    means = summary.means(one.means())
    return [summary.in_words(means[column.name], column.decimals) for column in _COLUMNS]


def _difference(one: RowJudgement, reference: RowJudgement | None, column: summary.Column) -> str:
    if reference is None:
        return ""
    found = difference(one, reference, column.name)
    interval = "" if np.isnan(found.half) else f" ± {found.half:.{column.decimals}f}"
    return f"{found.mean:+.{column.decimals}f}{interval}"


def figure(judged: Mapping[str, RowJudgement]) -> UInt8[np.ndarray, "sheet_h sheet_w 3"]:
    """Returns known | rows ... | truth of the pictures that are kept."""
    first = next(iter(judged.values()))
    crops = [first.crops[number] for number in sorted(first.crops)]
    columns: dict[str, list[np.ndarray]] = {"known": [sheets.known_on_grey(crop.image, crop.mask) for crop in crops]}
    columns |= {label: [one.shown[number] for number in sorted(one.shown)] for label, one in judged.items()}
    return sheets.contact_sheet(columns | {"truth": [crop.image for crop in crops]})


def places(judged: Mapping[str, RowJudgement]) -> UInt8[np.ndarray, "sheet_h sheet_w 3"]:
    """Returns what is known and what became of it, a place a column, two rows a picture; the truth last."""
    columns: dict[str, list[np.ndarray]] = {}
    for label, one in judged.items():
        columns[label] = []
        for number in sorted(one.shown):
            crop = one.crops[number]
            columns[label] += [sheets.known_on_grey(crop.image, crop.mask), one.shown[number]]
    first = next(iter(judged.values()))
    truth = [first.crops[number].image for number in sorted(first.crops)]
    return sheets.contact_sheet(columns | {"truth": [image for image in truth for _ in range(2)]})


def write(
    title: str,
    claim: str,
    facts: Mapping[str, str],
    rows: list[list[str]],
    sheet: UInt8[np.ndarray, "h w 3"] | None,
    commands: Sequence[str],
) -> str:
    """Returns the page, one file of HTML."""
    parts = [page.paragraph(claim), page.table([["", ""], *([name, value] for name, value in facts.items())], "text")]
    parts += [page.heading("Table"), page.table(rows, "even"), page.paragraph(EXPLANATION, "note")]
    if sheet is not None:
        parts += [page.heading("Figure"), page.picture(sheet, title)]
    parts += [page.heading("Commands"), *(page.code(command) for command in commands)]
    return page.page(title, parts)


def as_json(judged: Mapping[str, RowJudgement], reference: str, failures: Mapping[str, str]) -> dict[str, Any]:
    """Returns all scores by label: means with intervals, differences, costs, and each seed's and picture's PSNR."""
    found: dict[str, Any] = {label: {"failed": why} for label, why in failures.items()}
    for label, one in judged.items():
        found[label] = {
            "scores": summary.as_json({label: summary.means(one.means())})[label],
            "psnr_unknown_by_seed": [float(mean) for mean in np.nanmean(one.values("psnr_unknown"), axis=1)],
            "psnr_unknown_by_picture": one.values("psnr_unknown").mean(0).tolist(),
            "seconds": one.seconds,
            "parameters": one.parameters,
        }
        if label != reference and reference in judged:
            pairs = {name: difference(one, judged[reference], name) for name in _COMPARED}
            found[label][f"difference to {reference}"] = {
                name: summary.finite({"mean": pair.mean, "half": pair.half}) for name, pair in pairs.items()
            }
    return found
