"""Where photographs come from: one table, each entry a training and a held-out collection that never overlap."""

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from absl import logging
from PIL import Image

from srn_jax.config import Data
from srn_jax.errors import InputError
from srn_jax.pictures import decode, list_pictures


@dataclass
class Photographs:
    """Picture files, decoded when they are asked for.

    A file that does not decode is named, counted and passed over: the next readable one stands in, so that an index
    always means the same picture, whichever thread asks first.

    Attributes:
      files: the pictures, in a fixed order.
      max_unreadable: how many may fail before `InputError` is raised.
      keep: whether decoded pictures stay in memory, for collections of a few.
    """

    files: Sequence[Path]
    max_unreadable: int = 0
    keep: bool = False
    unreadable: set[Path] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _kept: dict[Path, Image.Image] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Image.Image:
        for step in range(len(self.files)):
            picture = self.read(self.files[(index + step) % len(self.files)])
            if picture is not None:
                return picture
        raise InputError(f"none of the {len(self.files)} picture files beside {self.files[0]} is readable")

    def fingerprint(self) -> str:
        """Returns what tells two collections apart: how many pictures they hold, and a digest of their names."""
        names = "\n".join(path.name for path in self.files)
        return f"{len(self.files)} pictures, {hashlib.sha256(names.encode()).hexdigest()[:16]}"

    def readable(self) -> Iterator[Image.Image]:
        """Yields every picture that decodes, in order, one in memory at a time."""
        found = False
        for path in self.files:
            if (picture := self.read(path)) is not None:
                found = True
                yield picture
        if not found:
            raise InputError(f"none of the {len(self.files)} picture files beside {self.files[0]} is readable")

    def read(self, path: Path) -> Image.Image | None:
        """Returns the picture, or None, with a warning the first time, if it does not decode."""
        if path in self.unreadable:
            return None
        if path in self._kept:
            return self._kept[path]
        try:
            picture = decode(path)
        except Exception as error:  # Pillow's decoders raise whatever the broken bytes provoke
            self._note_unreadable(path, error)
            return None
        if self.keep:
            self._kept[path] = picture
        return picture

    def _note_unreadable(self, path: Path, error: Exception) -> None:
        with self._lock:
            if path in self.unreadable:
                return
            self.unreadable.add(path)
            count = len(self.unreadable)
        logging.warning("skipped unreadable picture %s (%s); %d of %d so far", path, error, count, len(self.files))
        if count > self.max_unreadable:
            raise InputError(
                f"{count} unreadable pictures, the last {path}; run.max_unreadable allows {self.max_unreadable}"
            )


Split = tuple[Photographs, Photographs]  # for training, held out

# The photographs that the scikit-image package carries, by scene: the two views of the stereo pair stay together.
# Held out are two in colour and two in grey, none of which resembles a training picture.
_EMBEDDED_HELD_OUT = ("camera.png", "chelsea.png", "coffee.png", "gravel.png")
_EMBEDDED_TRAINING = (
    "astronaut.png",
    "brick.png",
    "cell.png",
    "clock_motion.png",
    "coins.png",
    "grass.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "moon.png",
    "motorcycle_left.png",
    "motorcycle_right.png",
    "page.png",
    "retina.jpg",
    "rocket.jpg",
    "text.png",
)


def embedded(data: Data, max_unreadable: int) -> Split:
    """Returns the photographs in the scikit-image package, split by scene."""
    del data, max_unreadable
    folder = Path(str(resources.files("skimage") / "data"))
    missing = [name for name in (*_EMBEDDED_TRAINING, *_EMBEDDED_HELD_OUT) if not (folder / name).is_file()]
    if missing:
        raise InputError(f"the installed scikit-image lacks {', '.join(missing)}; requirements.txt names one that fits")
    training, held_out = (
        Photographs([folder / name for name in names], keep=True) for names in (_EMBEDDED_TRAINING, _EMBEDDED_HELD_OUT)
    )
    return training, held_out


def folder(data: Data, max_unreadable: int) -> Split:
    """Returns the pictures below `data.path`, the last `data.held_out` by name held out, or those of another folder.

    Neighbours by name often show one scene, so a block is held out, not every n-th.
    """
    files = list_pictures(data.path, "data.path")
    if data.held_out_path:
        held_out = list_pictures(data.held_out_path, "data.held_out_path")
        overlap = {path.resolve() for path in files} & {path.resolve() for path in held_out}
        if overlap:
            raise InputError(
                f"data.held_out_path shares {len(overlap)} pictures with data.path, such as {min(overlap)}"
            )
    else:
        if not 0 < data.held_out < len(files):
            raise InputError(
                f"data.held_out is {data.held_out}, but {data.path} holds {len(files)} pictures; "
                "it takes at least 1 and must leave some to train on"
            )
        files, held_out = files[: -data.held_out], files[-data.held_out :]
    return Photographs(files, max_unreadable), Photographs(held_out, max_unreadable)


SOURCES: dict[str, Callable[[Data, int], Split]] = {"embedded": embedded, "folder": folder}
