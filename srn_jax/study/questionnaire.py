"""What one participant is asked: pairs of completed pictures, their order and their sides, drawn by seed."""

from itertools import combinations
from typing import NamedTuple

import numpy as np

from srn_jax.errors import InputError


class Question(NamedTuple):
    """A pair of completed pictures.

    Attributes:
      picture: its number in the study.
      left, right: the methods that completed it.
      repeats: the number of the question that showed the same pair before, sides swapped; None where there was none.
    """

    picture: int
    left: str
    right: str
    repeats: int | None


def check_length(questions: int, repeats: int, methods: int, pictures: int) -> None:
    """Raises InputError where so many questions cannot be drawn without an unwanted repetition."""
    there = pictures * methods * (methods - 1) // 2
    if repeats > questions // 3:
        raise InputError(f"--repeats is {repeats}; of {questions} questions it takes up to {questions // 3}")
    if questions - repeats > there:
        raise InputError(
            f"--pairs is {questions}, {repeats} of them repeated; it takes up to {there + repeats}, since {pictures} "
            f"pictures by {methods} methods give {there} different ones"
        )


def draw(methods: list[str], pictures: int, questions: int, repeats: int, rng: np.random.Generator) -> list[Question]:
    """Returns a questionnaire.

    Pairs of methods come as often as each other, and so do pictures, as far as the numbers allow. Pairs that are shown
    again are of the first third, or as many as are repeated, and come again in the second half, at random.

    Args:
      methods: their names, two or more.
      pictures: how many of them all methods completed.
      questions: how many there are in all, as `check_length` allows.
      repeats: how many of them show a pair again.
      rng: all is drawn from it.
    """
    drawn = _distinct(methods, pictures, questions - repeats, rng)
    half, early = len(drawn) // 2, max(repeats, len(drawn) // 3)
    again = rng.choice(early, repeats, replace=False).tolist()
    # Before the second half has its order, what it asks again is told by the first showing's place.
    late = [(question, None) for question in drawn[half:]] + [(drawn[place], place) for place in again]
    order = [(question, None) for question in drawn[:half]] + [late[place] for place in rng.permutation(len(late))]
    return [
        Question(picture, left, right, None) if before is None else Question(picture, right, left, before)
        for (picture, left, right, _), before in order
    ]


def _distinct(methods: list[str], pictures: int, count: int, rng: np.random.Generator) -> list[Question]:
    """Returns `count` different pairs in random order, each with its sides."""
    kinds = list(combinations(methods, 2))
    kinds = [kinds[place] for place in rng.permutation(len(kinds))]
    shown = np.zeros((len(kinds), pictures), bool)  # which pairs of methods a picture was chosen for
    chosen = []
    for number in range(count):
        kind = number % len(kinds)
        times = np.where(shown[kind], np.inf, shown.sum(axis=0))
        picture = int(rng.choice(np.flatnonzero(times == times.min())))
        shown[kind, picture] = True
        left, right = kinds[kind] if rng.random() < 0.5 else kinds[kind][::-1]
        chosen.append(Question(picture, left, right, None))
    return [chosen[place] for place in rng.permutation(count)]
