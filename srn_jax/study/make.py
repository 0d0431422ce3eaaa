"""`make`: draws up a study, whole or not at all."""

import argparse
import secrets
import sys
from collections.abc import Callable, Iterable
from datetime import date
from itertools import combinations

from srn_jax.errors import InputError
from srn_jax.evaluate.crops import open_pictures
from srn_jax.generators.bundled import DEFAULT
from srn_jax.pictures.folders import check_outside
from srn_jax.programs import allocator, files
from srn_jax.study import answers
from srn_jax.study.materials import ANSWERS, Completed, Study, write_key, write_pictures
from srn_jax.study.options import QUESTIONS, length
from srn_jax.study.photographs import CompletedPhotographs
from srn_jax.study.questionnaire import check_length
from srn_jax.study.sets import REAL, Sets
from srn_jax.study.words import many

_LONGEST = 1600  # pixels of a picture's longer side: more than a page shows


def make(options: argparse.Namespace) -> str:
    """Makes the folder --output; returns what was made, in words.

    Raises:
      InputError: what is given does not make a study.
    """
    output = files.expand(options.output, "--output")
    folders = dict[str, str]()
    for name, folder in [*options.sets, *([(REAL, options.truth)] if options.truth is not None else [])]:
        if name in folders:
            raise InputError(f"two sets are named {name}; give each a name of its own")
        folders[name] = folder
    for folder in (*folders.values(), options.known, options.masks, options.data):
        if folder:
            check_outside(output, files.expand(folder, "a folder"), "--output", folder)
    with files.creating(output) as folder:
        methods, facts, count, pictures = _of_sets(folders, options) if folders else _of_photographs(options)
        check_length(*length(options, _pairs(methods, count)), len(methods), count)
        entries = write_pictures(folder, pictures())
        if not entries:
            raise InputError(f"none of the {count} pictures can be taken")
        questions, repeats = length(options, _pairs(methods, len(entries)))
        check_length(questions, repeats, len(methods), len(entries))
        facts = facts | {"made": date.today().isoformat()}
        study = Study(folder, secrets.token_hex(4), options.seed, questions, repeats, methods, entries, facts)
        write_key(study)
        answers.create(folder / ANSWERS)
    again = f", {repeats} of them a second time with sides swapped" if repeats else ""
    fewer = f", as many as there are (default {QUESTIONS})" if options.pairs is None and questions < QUESTIONS else ""
    return (
        f"wrote {output}: {many(len(entries), 'picture')} by {', '.join(methods)}\n"
        f"a questionnaire has {many(questions, 'pair')}{again}{fewer}\n"
        f"serve it with   python -m srn_jax.study serve --study {options.output}"
    )


_Made = tuple[list[str], dict[str, str], int, Callable[[], Iterable[Completed]]]


def _of_sets(folders: dict[str, str], options: argparse.Namespace) -> _Made:
    """Returns the methods, how the study was made, the most pictures that there are, and what yields them."""
    sets = Sets(folders, options.known, options.masks, options.limit)
    facts = {f"set {name}": folder for name, folder in folders.items()}
    facts["known part"] = options.known or options.masks or "what all sets have in common"
    if sets.left_out:
        name, setting = next(iter(sets.left_out.items()))
        facts["left out"] = (
            f"{many(len(sets.left_out), 'picture')} that some set lacks: {name}, say, is not in {setting}"
        )
        print(f"left out {facts['left out']}", file=sys.stderr)
    return sets.methods, facts, len(sets), lambda: sets.pictures(_LONGEST)


def _of_photographs(options: argparse.Namespace) -> _Made:
    """Returns the same as `_of_sets` of photographs that are completed here."""
    allocator.keep_freed_memory()
    photographs = CompletedPhotographs(
        open_pictures(options.data, options.split),
        options.methods or [DEFAULT, "telea"],
        options.task,
        seed=options.seed,
        limit=options.limit or QUESTIONS,
        longest=_LONGEST,
    )
    return photographs.methods, {"data": options.data, **photographs.facts()}, len(photographs), photographs.pictures


def _pairs(methods: list[str], pictures: int) -> int:
    return len([*combinations(methods, 2)]) * pictures
