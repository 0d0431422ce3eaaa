"""`report`: what came of a study, in words and tables on the terminal, and in one HTML file."""

import argparse
import time
from pathlib import Path

import numpy as np
from PIL import Image

from srn_jax.data.photographs import spread
from srn_jax.errors import InputError
from srn_jax.evaluate import page, sheets, summary
from srn_jax.pictures.reading import decode
from srn_jax.programs import files
from srn_jax.study import answers
from srn_jax.study.chart import chart
from srn_jax.study.materials import ANSWERS, REPORT, KeyEntry, Study, read_key
from srn_jax.study.preferences import Consistency, Preference, Share, choices, consistencies, preferences, share
from srn_jax.study.words import many

_SHOWN = 6  # pictures on the sheet
_EXPLANATION = (
    "Preferred: how often the first method was chosen, with Wilson's 95 % interval. Sign test: exact, two-sided, the "
    "probability of a share at least as far from 50 % if both were as likely. The choice is forced, so no answer is a "
    "tie. A pair that is shown again, sides swapped, counts the first time alone; the second answer says how "
    "consistent a participant is. Questionnaires that were not finished count as far as they were answered. Interval "
    "and test take answers as independent, which those of one participant, or to one picture, need not be; so the last "
    "two columns count each participant once, for the method preferred more often, and leave out those who preferred "
    "both as often."
)
_PAPER = (
    "The paper's Table 2 is of the same kind: 40 participants, 40 pairs each, sides and order shuffled, no time limit. "
    "Its numbers are not among this project's documents, and stand in the paper."
)
_NONE = "There are no answers yet."


def report(options: argparse.Namespace) -> str:
    """Writes the HTML file; returns what it says, for the terminal.

    Raises:
      InputError: there is no study, or --output exists.
    """
    folder = files.expand(options.study, "--study")
    study = read_key(folder)
    output = folder / REPORT if options.output is None else files.expand(options.output, "--output")
    if output.is_dir():
        raise InputError(f"--output is the folder {output}; it takes a file")
    if options.output is not None and output.exists() and not options.force:
        raise InputError(f"--output {output} exists; --force replaces it")
    participants, asked = answers.read(folder / ANSWERS)
    _check(study, asked)
    compared, people = preferences(asked, study.methods), consistencies(asked)
    counts = _counts(len(participants), people)
    table, each = _table(compared), _people(participants, people)
    parts = [page.paragraph(counts)]
    if people:
        parts += [page.table(table, "even"), chart(compared), page.paragraph(_EXPLANATION, "note")]
        parts += [page.heading("Participants"), page.paragraph(_consistency(people)), page.table(each, "even")]
    parts += [page.heading("The questionnaire"), page.table(_facts(study), "text even")]
    parts += [page.picture(_sheet(study), "pictures of the study, as each method completed them")]
    parts += [page.heading("Its pictures, and how often each method was chosen there")]
    parts += [page.table(_pictures(study, asked), "even"), page.paragraph(_PAPER, "note")]
    files.write_text(output, page.page("Which is more realistic?", parts))
    said = [counts, summary.markdown(table), _consistency(people), summary.markdown(each)] if people else [counts]
    return "\n\n".join([*said, f"look at        {output}"])


def _check(study: Study, asked: list[answers.Answered]) -> None:
    """Raises InputError where answers are not of this study, as where files of two were mixed."""
    for one in asked:
        question = one.question
        if question.picture >= len(study.entries) or not {question.left, question.right} <= {*study.methods}:
            raise InputError(f"{study.folder / ANSWERS} has answers of another study")


def _counts(joined: int, people: list[Consistency]) -> str:
    if not people:
        return f"{_NONE} {many(joined, 'participant')} began." if joined else _NONE
    given, idle = sum(one.answered for one in people), joined - len(people)
    without = f"; {idle} more began and answered nothing" if idle else ""
    return f"{many(given, 'answer')} of {many(len(people), 'participant')}{without}."


def _table(compared: list[Preference]) -> list[list[str]]:
    rows = [
        ["pair", "preferred (95 % interval)", "answers", "sign test", "participants who prefer it", "their sign test"]
    ]
    for one in compared:
        undecided = f", {one.undecided} undecided" if one.undecided else ""
        people = f"{one.participants.some} of {one.participants.of}{undecided}"
        counts = f"{one.answers.some} of {one.answers.of}"
        pair = f"{one.first} over {one.second}"
        rows.append(
            [pair, _percent(one.answers), counts, _probability(one.answers), people, _probability(one.participants)]
        )
    return rows


def _people(participants: list[answers.Participant], people: list[Consistency]) -> list[list[str]]:
    by_number = {one.number: one for one in participants}
    rows = [["participant", "began", "answered", "chose left", "repeated pairs answered alike"]]
    for one in people:
        whole = by_number[one.participant]
        began = time.strftime("%Y-%m-%d %H:%M", time.localtime(whole.joined))
        again = f"{one.same} of {one.repeated}" if one.repeated else "none yet"
        left = f"{one.left / one.answered:.0%}".replace("%", " %")
        rows.append([str(one.participant), began, f"{one.answered} of {whole.questions}", left, again])
    return rows


def _pictures(study: Study, asked: list[answers.Answered]) -> list[list[str]]:
    counts = choices(asked)
    rows = [["picture", *study.methods]]
    for number, entry in enumerate(study.entries):
        rows.append([entry.name, *(str(counts[number, method]) for method in study.methods)])
    return rows


def _consistency(people: list[Consistency]) -> str:
    same, repeated = sum(one.same for one in people), sum(one.repeated for one in people)
    if not repeated:
        return "No repeated pair is answered yet."
    alike = f"{_percent(share(same, repeated))}, {same} of {repeated}"
    return f"Repeated pairs that were answered alike: {alike}; by chance 50 %."


def _facts(study: Study) -> list[list[str]]:
    again = f", {study.repeats} of them a second time with sides swapped" if study.repeats else ""
    facts = {
        "methods": ", ".join(study.methods),
        "pictures": f"{len(study.entries)}, shown {_sizes(study.entries)}",
        "a questionnaire": f"{many(study.questions, 'pair')}{again}; pairs, order and sides at random",
        "seed": str(study.seed),
        **study.facts,
    }
    return [["", ""], *([name, text] for name, text in facts.items())]


def _sizes(entries: list[KeyEntry]) -> str:
    sizes = sorted({entry.size for entry in entries}, key=lambda size: size[0] * size[1])
    least, most = (f"{width}x{height}" for width, height in (sizes[0], sizes[-1]))
    return f"at {least}" if least == most else f"at {least} to {most}"


def _sheet(study: Study) -> np.ndarray:
    """Returns a sheet of some pictures, spread over all: the known part, and what each method made of it."""
    columns: dict[str, list[np.ndarray]] = {name: [] for name in ("known", *study.methods)}
    for number in spread(len(study.entries), _SHOWN):
        entry = study.entries[number]
        for name, opaque in {"known": entry.known, **entry.completed}.items():
            columns[name].append(sheets.shrunk(_canvas(study.file(opaque), entry)))
    return sheets.contact_sheet(columns)


def _canvas(file: Path, entry: KeyEntry) -> np.ndarray:
    """Returns a picture on a canvas of its entry's size, in whose middle it is where it is smaller."""
    try:
        picture = decode(file)
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror or error}") from error
    canvas = Image.new("RGB", entry.size, "white")
    canvas.paste(picture, ((canvas.width - picture.width) // 2, (canvas.height - picture.height) // 2))
    return np.asarray(canvas)


def _percent(one: Share) -> str:
    if one.low is None or one.high is None:
        return "none"
    return f"{100 * one.some / one.of:.1f} % ({100 * one.low:.1f} to {100 * one.high:.1f})"


def _probability(one: Share) -> str:
    if one.p is None:
        return "none"
    return "p < 0.0001" if one.p < 0.0001 else f"p = {one.p:.4f}"
