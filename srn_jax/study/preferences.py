"""From answers to numbers: which method is preferred, how surely, and how consistent each participant is."""

from collections import Counter
from collections.abc import Iterable
from itertools import combinations
from typing import NamedTuple

from scipy import stats

from srn_jax.study.answers import Answered

LEVEL = 0.95


class Share(NamedTuple):
    """`some` of all; `low` and `high` bound its share by Wilson's interval of 95 %, and `p` is the sign test's.

    The sign test asks how probable a share as far from one half, or farther, would be where both were as likely.
    Without any all three are None.
    """

    some: int
    of: int
    low: float | None
    high: float | None
    p: float | None


class Preference(NamedTuple):
    """How often `first` was preferred to `second`.

    Attributes:
      first, second: methods.
      answers: of all answers.
      participants: of the participants, those who preferred it more often than not.
      undecided: participants who preferred both as often, which `participants` leaves out.
    """

    first: str
    second: str
    answers: Share
    participants: Share
    undecided: int


class Consistency(NamedTuple):
    """One participant: how many questions it answered, how often it chose left, and its answers to repeated pairs.

    `same` of `repeated` were for the same picture as before.
    """

    participant: int
    answered: int
    left: int
    same: int
    repeated: int


def share(some: int, of: int) -> Share:
    """Returns `some` of `of` with interval and sign test."""
    if not of:
        return Share(0, 0, None, None, None)
    test = stats.binomtest(some, of)
    interval = test.proportion_ci(LEVEL, method="wilson")
    return Share(some, of, float(interval.low), float(interval.high), float(test.pvalue))


def chosen(one: Answered) -> str:
    """Returns the method that was preferred."""
    return one.question.left if one.side == "left" else one.question.right


def choices(asked: Iterable[Answered]) -> Counter[tuple[int, str]]:
    """Returns how often each method was chosen at each picture; a pair that is shown again counts the first time."""
    return Counter((one.question.picture, chosen(one)) for one in asked if one.question.repeats is None)


def preferences(asked: Iterable[Answered], methods: list[str]) -> list[Preference]:
    """Returns one row for each pair of methods, in their order; a pair that is shown again counts the first time."""
    wins: dict[tuple[str, str], Counter[int]] = {}  # of the first over the second, by participant
    for one in asked:
        if one.question.repeats is None:
            loser = one.question.right if one.side == "left" else one.question.left
            wins.setdefault((chosen(one), loser), Counter())[one.participant] += 1
    rows = []
    for first, second in combinations(methods, 2):
        won, lost = (wins.get(pair, Counter()) for pair in ((first, second), (second, first)))
        people = won.keys() | lost.keys()
        ahead, behind = (sum(a[one] > b[one] for one in people) for a, b in ((won, lost), (lost, won)))
        answers, participants = share(won.total(), won.total() + lost.total()), share(ahead, ahead + behind)
        rows.append(Preference(first, second, answers, participants, len(people) - ahead - behind))
    return rows


def consistencies(asked: Iterable[Answered]) -> list[Consistency]:
    """Returns one row for each participant who answered anything."""
    by_participant: dict[int, dict[int, Answered]] = {}
    for one in asked:
        by_participant.setdefault(one.participant, {})[one.number] = one
    rows = []
    for participant, answers in by_participant.items():
        again = [(one, answers[before]) for one in answers.values() if (before := one.question.repeats) is not None]
        same = sum(chosen(one) == chosen(before) for one, before in again)
        left = sum(one.side == "left" for one in answers.values())
        rows.append(Consistency(participant, len(answers), left, same, len(again)))
    return rows
