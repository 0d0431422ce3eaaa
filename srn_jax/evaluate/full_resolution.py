"""Judging at each photograph's own resolution: what `expand` paints around a part of it, beside the rest of it."""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from srn_jax.data.photographs import Pictures
from srn_jax.errors import InputError
from srn_jax.evaluate import metrics
from srn_jax.evaluate.crops import Crop, Crops
from srn_jax.evaluate.judge import Judge, Judged, has_detail
from srn_jax.evaluate.tasks import TASKS, trained_between
from srn_jax.generators.generator import Generator
from srn_jax.geometry.placement import BETWEEN
from srn_jax.infer import expand, join


class FullResolutionCrops(Crops):
    """A window of each photograph, not resized."""

    def __init__(self, pictures: Pictures, generator: Generator, seed: int, task: str) -> None:
        """Has no picture read yet; `task`, a name in `TASKS`, says what is known, and `seed` draws where if need be."""
        super().__init__(pictures, generator, seed, at_least=None)
        self._task, self._between = TASKS[task], generator.placement in BETWEEN
        if self._between and task != "trained":
            raise InputError(
                f"--full-resolution {task} is for models that paint around one picture; this one was trained with "
                f"placement {generator.placement!r}: --full-resolution trained"
            )

    def why_not(self, number: int) -> str:
        """Returns the name of a picture that does not decode, or is too small, and the reason."""
        picture = self._photographs.read(number)
        if picture is None:
            return super().why_not(number)
        return f"{self._name(number)}: {picture.width}x{picture.height} pixels are too few to judge"

    def facts(self) -> dict[str, str]:
        """Returns what a report says of the known part and of the canvas."""
        return {"known": self._task.known, "canvas": f"{self._task.canvas}, at its own resolution"}

    def _cut(self, number: int, picture: Image.Image) -> Crop | None:
        place, model = trained_between if self._between else self._task.place, self._generator
        window, known = place((picture.height, picture.width), model.known, model.canvas, self._offset(number))
        # SSIM's window has to fit, and something has to be painted.
        if min(window.height, window.width) < metrics.SSIM_WINDOW or window[2:] == known[2:]:
            return None
        box = window.left, window.top, window.left + window.width, window.top + window.height
        gap = window.width - known.width if self._between else 0
        return Crop(self._name(number), np.asarray(picture.crop(box)), known, enlarged=False, gap=gap)


class FullResolutionJudge(Judge):
    """Judges what `expand` or `join` makes, one crop at a time: their sizes differ."""

    def __init__(self, generator: Generator, *, detail: bool, seed: int) -> None:
        """Judges the generator enlarged, and with `detail` with that too; `seed` is of detail."""
        super().__init__(generator, 1, detail)
        self._generator, self._seed, self._detail = generator, seed, detail

    def _judge_batch(self, found: list[tuple[int, Crop]], fills: dict[str, list[np.ndarray]]) -> Iterator[Judged]:
        for place, (number, crop) in enumerate(found):
            completed = {self.painter: self._expanded(crop, detail=False)}
            if self._detail and has_detail(crop):
                completed[self.detailed] = self._expanded(crop, detail=True)
            completed |= {name: images[place] for name, images in fills.items()}
            scores = {name: metrics.scores_of_bytes(image, crop.image, crop.mask) for name, image in completed.items()}
            in_numbers = {name: {key: float(one) for key, one in row.items()} for name, row in scores.items()}
            yield Judged(number, crop, completed, in_numbers, {})

    def _expanded(self, crop: Crop, detail: bool) -> np.ndarray:
        if crop.gap:
            left, right = crop.pictures
            return join(self._generator, left, right, crop.gap, detail=detail, seed=self._seed)
        margins = crop.margins._asdict()
        return expand(self._generator, crop.picture, **margins, detail=detail, seed=self._seed)
