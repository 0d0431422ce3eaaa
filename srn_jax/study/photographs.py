"""Photographs that are completed here: by models, by fills, and by nothing, which is the photograph itself."""

import sys
from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import UInt8
from PIL import Image
from tqdm import tqdm

from srn_jax.data.photographs import Pictures, spread
from srn_jax.errors import InputError
from srn_jax.evaluate.crops import Crop
from srn_jax.evaluate.full_resolution import FullResolutionCrops
from srn_jax.evaluate.judge import ALL_FILLS
from srn_jax.evaluate.sheets import known_on_grey
from srn_jax.generators.bundled import DEFAULT
from srn_jax.generators.generator import Generator
from srn_jax.generators.loading import load_generator
from srn_jax.infer import expand
from srn_jax.study.materials import Completed
from srn_jax.study.sets import REAL

_PLAIN = ":plain"
# The fills by their first words, as they are typed.
_FILLS = {name.split()[0].lower(): name for name in ALL_FILLS}

Method = Callable[[Crop], UInt8[np.ndarray, "h w 3"]]


class CompletedPhotographs:
    """Windows of photographs, and how each method completes them.

    Attributes:
      methods: their names.
    """

    def __init__(
        self, pictures: Pictures, methods: list[str], task: str, *, seed: int, limit: int | None, longest: int
    ) -> None:
        """Loads the models, and reads no photograph yet.

        Args:
          pictures: the photographs.
          methods: models, with or without `:plain`, fills and REAL.
          task: what is known of them, a name in `tasks.TASKS`.
          seed: of where known parts lie, and of detail.
          limit: takes so many of them, spread over all.
          longest: those that are longer, in pixels, are made so long before anything else.

        Raises:
          InputError: a method is none, is named twice, or is the only one.
        """
        generators: dict[str, Generator] = {}
        self._methods: dict[str, Method] = {}
        for given in methods:
            name = _FILLS.get(given.lower(), given)
            if name in self._methods:
                raise InputError(f"--methods names {given} twice")
            self._methods[name] = _method(name, generators, seed)
        self.methods = list(self._methods)
        if len(self.methods) < 2:
            raise InputError(f"--methods takes two or more, and names {', '.join(self.methods)} alone")
        # How the known part lies is the first model's affair.
        leading = next(iter(generators.values())) if generators else load_generator(DEFAULT)
        self._crops = _Crops(pictures, leading, seed, task, longest)
        self._numbers = spread(len(self._crops), limit)

    def __len__(self) -> int:
        return len(self._numbers)

    def facts(self) -> dict[str, str]:
        """Returns what is known of the pictures, and what their canvas is, in words."""
        return self._crops.facts()

    def pictures(self) -> Iterator[Completed]:
        """Yields the photographs that can be taken, completed; names the others."""
        with tqdm(self._numbers, unit=" pictures") as numbers:
            for number in numbers:
                crop = self._crops.read(number)
                if crop is None:
                    tqdm.write(f"skipped {self._crops.why_not(number)}", file=sys.stderr)
                    continue
                known = known_on_grey(crop.image, crop.mask)
                yield Completed(crop.name, known, {name: method(crop) for name, method in self._methods.items()})


class _Crops(FullResolutionCrops):
    """Windows of photographs that are no longer than a page shows them."""

    def __init__(self, pictures: Pictures, generator: Generator, seed: int, task: str, longest: int) -> None:
        super().__init__(pictures, generator, seed, task)
        self._longest = longest

    def _cut(self, number: int, picture: Image.Image) -> Crop | None:
        if max(picture.size) > self._longest:
            picture = picture.copy()
            picture.thumbnail((self._longest, self._longest), Image.Resampling.LANCZOS)
        return super()._cut(number, picture)


def _method(name: str, generators: dict[str, Generator], seed: int) -> Method:
    """Returns what completes a crop; a model is added to `generators` where it is not there."""
    if name == REAL:
        return lambda crop: crop.image
    if name in ALL_FILLS:
        return lambda crop: ALL_FILLS[name](crop.image, crop.mask)
    path = name.removesuffix(_PLAIN)
    if path not in generators:
        generators[path] = _load(path)
    generator, detail = generators[path], path == name

    def paint(crop: Crop) -> np.ndarray:
        return expand(generator, crop.picture, **crop.margins._asdict(), detail=detail, seed=seed)

    return paint


def _load(path: str) -> Generator:
    try:
        return load_generator(path)
    except InputError as error:
        raise InputError(f"--methods names {path!r}: {error}; fills are {', '.join(_FILLS)}, and {REAL}") from error
