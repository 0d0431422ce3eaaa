"""What is judged: the largest central window of each picture of a collection, and where its known part lies."""

from collections.abc import Iterator
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
from srn_jax.files import expand
from srn_jax.generator import Generator
from srn_jax.pictures import crop_and_resize, list_pictures


class Crop(NamedTuple):
    """A picture as it is judged."""

    name: str
    image: UInt8[np.ndarray, "h w 3"]
    mask: Float[np.ndarray, "h w 1"]  # 1 = to be synthesized
    enlarged: bool  # whether the picture is smaller than this


class Crops:
    """Crops by number, each the same whatever the others are: at the generator's canvas, masked as at its training."""

    def __init__(self, pictures: Pictures, generator: Generator, seed: int) -> None:
        """Has no picture read yet; `seed` draws where known parts lie, if they lay anywhere at training."""
        self._photographs = Photographs(pictures, generator.canvas)
        self.generator, self._key = generator, jax.random.key(seed)

    def __len__(self) -> int:
        return len(self._photographs)

    def read(self, number: int) -> Crop | None:
        """Returns the crop of one picture; None where it does not decode, which `why_not` explains."""
        picture = self._photographs.read(number)
        return None if picture is None else self._cut(number, picture)

    def why_not(self, number: int) -> str:
        """Returns the name of a picture that does not decode, and the reason."""
        return ": ".join(self._photographs.why_not(number))

    def _cut(self, number: int, picture: Image.Image) -> Crop:
        canvas, known = self.generator.canvas, self.generator.known
        key = jax.random.fold_in(self._key, number)
        offset = geometry.draw_offsets(self.generator.margins, key[None], canvas, known)
        mask = np.asarray(geometry.unknown_mask(offset, canvas, known))[0]
        image = np.asarray(crop_and_resize(picture, canvas, 1.0, (0.5, 0.5)))
        enlarged = picture.height < canvas[0] or picture.width < canvas[1]
        return Crop(self._photographs.pictures.name(number), image, mask, enlarged)


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


def spread(count: int, limit: int | None) -> Iterator[int]:
    """Yields the numbers of `limit` of `count` pictures, spread over all of them; of all without a limit."""
    yield from np.unique(np.linspace(0, count - 1, min(limit or count, count)).round().astype(int)).tolist()
