"""What is judged: a window of each picture of a collection, and where its known part lies."""

import abc
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from srn_jax import geometry
from srn_jax.config import Data
from srn_jax.data.photographs import Files, Photographs, Pictures
from srn_jax.data.records import Prepared
from srn_jax.data.sources import SOURCES, read_list
from srn_jax.errors import InputError
from srn_jax.generators.generator import Generator
from srn_jax.geometry import Size
from srn_jax.infer.windows import Box, Sides
from srn_jax.pictures.arrays import crop_and_resize
from srn_jax.pictures.folders import list_pictures
from srn_jax.programs.files import expand


class Crop(NamedTuple):
    """A picture as it is judged; of what is known the halves may lie at both ends of its rows, `gap` apart."""

    name: str
    image: UInt8[np.ndarray, "h w 3"]
    known: Box
    enlarged: bool  # whether the picture is smaller than this
    gap: int = 0

    @property
    def mask(self) -> Float[np.ndarray, "h w 1"]:
        """Returns 1 where pixels are to be synthesized."""
        (top, left, *known), canvas = self.known, self.image.shape[:2]
        return geometry.host_mask((top, left), canvas, (known[0], known[1]), self.gap)[..., None].astype(np.float32)

    @property
    def picture(self) -> UInt8[np.ndarray, "kh kw 3"]:
        """Returns the known part, its halves side by side."""
        return np.concatenate(self.pictures, axis=1)

    @property
    def pictures(self) -> list[UInt8[np.ndarray, "kh w 3"]]:
        """Returns the known part, or its halves."""
        return [self.image[here] for here in self._places]

    @property
    def margins(self) -> Sides:
        """Returns how far the canvas reaches beyond the known part."""
        (top, left, height, width), canvas = self.known, self.image.shape
        return Sides(top, canvas[0] - top - height, left, canvas[1] - left - width)

    @property
    def _places(self) -> list[tuple[slice, slice]]:
        rows, found = slice(self.known.top, self.known.top + self.known.height), []
        for part in geometry.parts(self.known.width, self.gap):
            left = self.known.left + part.place
            found.append((rows, slice(left, left + part.width)))
        return found


class Crops(abc.ABC):
    """Crops by number, each the same whatever the others are."""

    def __init__(self, pictures: Pictures, generator: Generator, seed: int, at_least: Size | None) -> None:
        """Has no picture read yet.

        Args:
          pictures: the collection.
          generator: the one that is judged.
          seed: draws where known parts lie, if they lay anywhere at its training.
          at_least: as `Photographs` takes it.
        """
        self._photographs = Photographs(pictures, at_least)
        self._generator, self._key = generator, jax.random.key(seed)

    def __len__(self) -> int:
        return len(self._photographs)

    def read(self, number: int) -> Crop | None:
        """Returns the crop of one picture; None where there is none, which `why_not` explains."""
        picture = self._photographs.read(number)
        return None if picture is None else self._cut(number, picture)

    def why_not(self, number: int) -> str:
        """Returns the name of a picture that has no crop, and the reason."""
        return ": ".join(self._photographs.why_not(number))

    @abc.abstractmethod
    def facts(self) -> dict[str, str]:
        """Returns what a report says of the known part and of the canvas."""

    @abc.abstractmethod
    def _cut(self, number: int, picture: Image.Image) -> Crop | None:
        """Returns the crop of a picture; None for one that is too small."""

    def _name(self, number: int) -> str:
        return self._photographs.pictures.name(number)

    def _offset(self, number: int) -> tuple[int, int]:
        """Returns where the known part lies on the generator's canvas, drawn as at its training."""
        canvas, known, key = self._generator.canvas, self._generator.known, jax.random.fold_in(self._key, number)
        top, left = np.asarray(geometry.draw_offsets(self._generator.placement, key[None], canvas, known))[0].tolist()
        return top, left


class CanvasCrops(Crops):
    """The largest central window of each picture, at the generator's canvas, masked as at its training."""

    def __init__(self, pictures: Pictures, generator: Generator, seed: int) -> None:
        """Has no picture read yet; `seed` draws where known parts lie, if they lay anywhere at training."""
        super().__init__(pictures, generator, seed, at_least=generator.canvas)

    def facts(self) -> dict[str, str]:
        """Returns what a report says of the known part and of the canvas."""
        (height, width), (canvas_height, canvas_width) = self._generator.known, self._generator.canvas
        return {
            "known": f"{width}x{height}, placed: {self._generator.placement}",
            "canvas": f"{canvas_width}x{canvas_height} (width x height), the largest central window of each picture",
        }

    def _cut(self, number: int, picture: Image.Image) -> Crop:
        canvas, known = self._generator.canvas, self._generator.known
        image = np.asarray(crop_and_resize(picture, canvas, 1.0, (0.5, 0.5)))
        enlarged = picture.height < canvas[0] or picture.width < canvas[1]
        gap = geometry.gap_of(self._generator.placement, canvas, known)
        return Crop(self._name(number), image, Box(*self._offset(number), *known), enlarged, gap)


def open_pictures(data: str, split: str) -> Pictures:
    """Returns the pictures that --data names: a folder, a list, or the held-out ones of a source.

    Args:
      data: a folder; a text file with a path a line; "embedded"; "tfds:NAME"; or SOURCE:FOLDER of another source.
      split: of a TFDS data set.

    Raises:
      InputError: there is no such thing, or no picture in it.
    """
    source, _, rest = data.partition(":")
    path = expand(data, "--data")
    if path.is_dir():
        return Files(list_pictures(str(path), "--data"))
    if path.is_file():
        return Files(read_list(str(path), "--data"))
    if source == "tfds":
        prepared = Prepared(rest, "", "--data tfds:")
        return prepared.records(split, prepared.picture(""), "--split")
    if source not in SOURCES or source in ("folder", "list"):
        others = ", ".join(f"{name}:FOLDER" for name in SOURCES if name not in ("embedded", "folder", "list", "tfds"))
        raise InputError(
            f"--data is {data!r}; it takes a folder of pictures, a text file with a path a line, embedded, tfds:NAME, "
            f"or {others}"
        )
    return SOURCES[source](Data(source=source, path=rest))[1]
