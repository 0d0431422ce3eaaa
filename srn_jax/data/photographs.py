"""Collections of encoded pictures, and their decoding: a picture that does not decode is passed over, and named."""

import errno
import hashlib
import io
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from absl import logging
from PIL import Image

from srn_jax.config import Data
from srn_jax.errors import InputError
from srn_jax.geometry import Size
from srn_jax.pictures.reading import decode


@runtime_checkable
class Pictures(Protocol):
    """Encoded pictures in a fixed order, which are read one by one.

    Attributes:
      keep: whether decoded pictures stay in memory, for collections of a few.
    """

    keep: bool

    def __len__(self) -> int: ...

    def name(self, index: int) -> str:
        """Returns what a message calls the picture."""
        ...

    def encoded(self, index: int) -> Path | io.BytesIO:
        """Returns what Pillow opens."""
        ...

    def fingerprint(self) -> str:
        """Returns what tells two collections apart."""
        ...


_ABSENT = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
_WAITS = (0.1, 0.5, 2.0)  # seconds between tries

Split = tuple[Pictures, Pictures]  # for training, held out


def spread(count: int, at_most: int | None) -> list[int]:
    """Returns `at_most` of the numbers below `count`, evenly over all of them, both ends among them; None is all."""
    return np.unique(np.linspace(0, count - 1, min(at_most or count, count)).round().astype(int)).tolist()


def left_to_train(count: int, data: Data, title: str) -> int:
    """Returns how many of `count` pictures are trained on where the last `data.held_out` of them are held out.

    Raises:
      InputError: one of the two would be empty; `title` names the collection.
    """
    if not 0 < data.held_out < count:
        raise InputError(
            f"data.held_out is {data.held_out}, but {title} holds {count} pictures; "
            "it takes at least 1 and must leave some to train on"
        )
    return count - data.held_out


@dataclass
class Files:
    """Picture files."""

    paths: Sequence[Path]
    keep: bool = False

    def __len__(self) -> int:
        return len(self.paths)

    def name(self, index: int) -> str:
        """Returns the file's path."""
        return str(self.paths[index])

    def encoded(self, index: int) -> Path:
        """Returns the file's path."""
        return self.paths[index]

    def fingerprint(self) -> str:
        """Returns how many files there are, and a digest of their names and of some of their sizes.

        It stays the same where the folder is moved as a whole.
        """
        root = os.path.commonpath([path.parent for path in self.paths])
        sizes = [
            os.path.getsize(path) if os.path.isfile(path) else 0
            for path in self.paths[:: max(1, len(self.paths) // 100)]
        ]
        text = "\n".join([*(os.path.relpath(path, root) for path in self.paths), *map(str, sizes)])
        return f"{len(self.paths)} pictures, {hashlib.sha256(os.fsencode(text)).hexdigest()[:16]}"


class Unreadable(NamedTuple):
    """A picture that did not decode, and why."""

    name: str
    reason: str


class Found(NamedTuple):
    """A picture, and those that were passed over on the way to it."""

    picture: Image.Image
    skipped: tuple[Unreadable, ...]


@dataclass
class Photographs:
    """Pictures, decoded when they are asked for.

    Where one does not decode, the next readable one stands in: an index always means the same picture, whichever
    thread, process or host asks. What was passed over travels with the picture, to be counted where all come together.
    Where the file system fails, which may pass and which other hosts may not see, reading is tried again, and ends with
    an InputError that names the picture: no other one stands in.

    Attributes:
      pictures: the encoded pictures.
      at_least: (height, width) that decoded JPEGs must keep at least; much larger ones are decoded at a fraction of
        their size. None decodes all in full.
    """

    pictures: Pictures
    at_least: Size | None = None
    _unreadable: dict[int, str] = field(default_factory=dict, repr=False)  # why, by index
    _damaged: set[int] = field(default_factory=set, repr=False)  # those of them that need not be tried again
    _kept: dict[int, Image.Image] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> Found:
        skipped: list[Unreadable] = []
        for step in range(len(self.pictures)):
            place = (index + step) % len(self.pictures)
            picture = self.read(place)
            if picture is not None:
                return Found(picture, tuple(skipped))
            skipped.append(self.why_not(place))
        raise InputError(f"none of the {len(skipped)} pictures is readable, the first {': '.join(skipped[0])}")

    def why_not(self, index: int) -> Unreadable:
        """Returns why a picture that `read` has tried does not decode."""
        return Unreadable(self.pictures.name(index), self._unreadable[index])

    def readable(self, count: "Count", at_most: int) -> Iterator[Image.Image]:
        """Yields pictures that decode, in order, one in memory at a time; `count` notes those that do not.

        Of more than `at_most`, so many are looked at, spread over all of them.
        """
        found, total = False, len(self.pictures)
        for index in spread(total, at_most):
            if (picture := self.read(index)) is not None:
                found = True
                yield picture
            else:
                count.note([self.why_not(index)])
        if not found:
            raise InputError(f"none of the {total} held-out pictures is readable")

    def read(self, index: int) -> Image.Image | None:
        """Returns the picture, or None where it is not there or does not decode: `why_not` says why.

        Raises:
          InputError: the file system fails, or memory does not suffice, which says nothing of the picture.
        """
        if index in self._damaged:
            return None
        if index in self._kept:
            return self._kept[index]
        name = self.pictures.name(index)
        try:
            picture = decode(self._bytes(index), self.at_least, name)
        except InputError:
            raise
        except MemoryError as error:
            raise InputError(f"there is not enough memory to read {name}") from error
        except _ABSENT as error:
            self._unreadable[index] = f"{type(error).__name__}: {error}"
            return None
        except Exception as error:  # Pillow's decoders raise whatever the broken bytes provoke
            self._unreadable[index] = f"{type(error).__name__}: {error}"
            self._damaged.add(index)
            return None
        if self.pictures.keep:
            self._kept[index] = picture
        return picture

    def _bytes(self, index: int) -> io.BytesIO:
        """Returns the file's bytes, or raises what says that it is not there; tries again where that may pass."""
        for wait in (*_WAITS, None):
            try:
                encoded = self.pictures.encoded(index)
                return io.BytesIO(encoded.read_bytes()) if isinstance(encoded, Path) else encoded
            except _ABSENT:
                raise
            except OSError as error:
                if error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
                    raise FileNotFoundError(*error.args) from error
                if wait is None:
                    raise InputError(
                        f"cannot read {self.pictures.name(index)}: {error.strerror or error}, {len(_WAITS) + 1} times"
                    ) from error
            time.sleep(wait)
        raise AssertionError


@dataclass
class Count:
    """Names unreadable pictures, each once, and ends the run when they are too many.

    Attributes:
      of: how many pictures there are in all.
      allowed: how many of them may be unreadable.
    """

    of: int
    allowed: int
    names: set[str] = field(default_factory=set)

    def note(self, unreadable: Sequence[Unreadable]) -> None:
        """Warns of those that are new; raises InputError where they are more than `allowed`."""
        for name, reason in unreadable:
            if name in self.names:
                continue
            self.names.add(name)
            logging.warning(
                "skipped unreadable picture %s (%s); %d of %d so far", name, reason, len(self.names), self.of
            )
            if len(self.names) > self.allowed:
                raise InputError(
                    f"{len(self.names)} unreadable pictures, the last {name} ({reason}); "
                    f"run.max_unreadable allows {self.allowed}"
                )
