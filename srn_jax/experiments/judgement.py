"""All rows on the same pictures with the same masks: scores, differences from one of them, and what they cost."""

import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import jax
import numpy as np

from srn_jax.data.photographs import Pictures, spread
from srn_jax.evaluate.crops import CanvasCrops, Crop
from srn_jax.evaluate.fills import FILLS, SLOW_FILLS
from srn_jax.evaluate.judge import CanvasJudge, Scores
from srn_jax.evaluate.summary import EXACT_DB, Mean, mean
from srn_jax.generators.generator import Generator
from srn_jax.infer import extrapolate

_BATCH = 8
_TIMED = 9  # passes
PLACES = ("top left", "top", "top right", "left", "center", "right", "bottom left", "bottom", "bottom right")


class PlacedCrops(CanvasCrops):
    """Crops whose known part lies at one of nine places, whatever it was at training."""

    def __init__(self, pictures: Pictures, generator: Generator, place: str) -> None:
        """Takes a name in PLACES."""
        super().__init__(pictures, generator, 0)
        self._place = PLACES.index(place)

    def _offset(self, number: int) -> tuple[int, int]:
        del number
        free = [canvas - known for canvas, known in zip(self._generator.canvas, self._generator.known, strict=True)]
        down, right = divmod(self._place, 3)
        return free[0] * down // 2, free[1] * right // 2


@dataclass
class RowJudgement:
    """What became of one row, over its seeds.

    Attributes:
      scores: by seed, then by picture.
      shown: completed pictures by number, of the first seed.
      fills: scores by fill and picture, the same for all rows; of places, all of them.
      crops: the pictures that are shown, by number.
    """

    scores: list[list[Scores]] = field(default_factory=list)
    shown: dict[int, np.ndarray] = field(default_factory=dict)
    fills: dict[str, list[Scores]] = field(default_factory=dict)
    crops: dict[int, Crop] = field(default_factory=dict)
    parameters: int = 0
    seconds: float = float("nan")

    def values(self, name: str) -> np.ndarray:
        """Returns one score, [seeds, pictures]; a picture that is met exactly counts as 100 dB."""
        found = np.array([[row[name] for row in seed] for seed in self.scores], np.float64)
        return np.minimum(found, EXACT_DB) if "psnr" in name else found

    def means(self) -> list[Scores]:
        """Returns each picture's scores, averaged over seeds."""
        return [
            {name: float(np.mean([row[name] for row in picture])) for name in picture[0]}
            for picture in zip(*self.scores, strict=True)
        ]

    def spread(self, name: str) -> float:
        """Returns the standard deviation over seeds of a score's mean; NaN for a single seed."""
        means = np.nanmean(self.values(name), axis=1)
        return float(means.std(ddof=1)) if len(means) > 1 else float("nan")


def judge(generators: Sequence[Generator], crops: CanvasCrops, shown: int) -> RowJudgement:
    """Returns the scores of one row's generators, a seed each, on `crops`; `shown` of them, spread, are kept."""
    found = RowJudgement(parameters=sum(leaf.size for leaf in jax.tree.leaves(generators[0].params)))
    numbers, kept = range(len(crops)), set(spread(len(crops), shown))
    for generator in generators:
        judge = CanvasJudge(generator, _BATCH, expected=len(crops))
        rows = []
        for one in judge.judge(crops, numbers):
            rows.append(one.scores[judge.painter])
            if generator is not generators[0]:
                continue
            for name in FILLS | SLOW_FILLS:
                found.fills.setdefault(name, []).append(one.scores[name])
            if one.number in kept:
                found.shown[one.number], found.crops[one.number] = one.completed[judge.painter], one.crop
        found.scores.append(rows)
    return found


def fills_of_all(judged: Iterable[RowJudgement]) -> dict[str, list[Scores]]:
    """Returns the scores by fill over all that was judged: of places, at each of which a fill is another."""
    found: dict[str, list[Scores]] = {}
    for one in judged:
        for name, scores in one.fills.items():
            found.setdefault(name, []).extend(scores)
    return found


def time_passes(generators: dict[str, Generator], crops: CanvasCrops) -> dict[str, float]:
    """Returns the median seconds of a picture by row, alone in its call, compiled; rows take turns."""
    crop = next(crop for number in range(len(crops)) if (crop := crops.read(number)) is not None)
    taken: dict[str, list[float]] = {row: [] for row in generators}
    for number in range(1 + _TIMED):
        for row, generator in generators.items():
            start = time.perf_counter()
            extrapolate(generator, crop.picture, crop.mask)
            if number:  # the first one compiles
                taken[row].append(time.perf_counter() - start)
    return {row: statistics.median(times) for row, times in taken.items()}


def difference(row: RowJudgement, reference: RowJudgement, name: str) -> Mean:
    """Returns how far a row's score is from the reference's, picture by picture, each averaged over seeds."""
    return mean(row.values(name).mean(0) - reference.values(name).mean(0))
