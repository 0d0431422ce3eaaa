"""A study's folder: pictures under names that tell nothing, and the key to them, which stays on this machine."""

import io
import json
import re
import secrets
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from srn_jax.errors import InputError
from srn_jax.programs import files
from srn_jax.study.questionnaire import Question, draw

KEY, ANSWERS, REPORT = "study.json", "answers.sqlite", "report.html"
_PICTURES = "pictures"
_OPAQUE = re.compile(r"[0-9a-f]{32}")
_PADDING = b"paDd"  # a private chunk of PNG, which readers pass over
_END = 12  # bytes of a PNG's last chunk


class Completed(NamedTuple):
    """A picture as it is known, and as each method completed it: those are of one size."""

    name: str
    known: UInt8[np.ndarray, "kh kw 3"]
    completed: dict[str, UInt8[np.ndarray, "h w 3"]]


class KeyEntry(NamedTuple):
    """A picture in the key: its name, its (width, height), and the opaque names of its files.

    The known picture is at the scale of the others, so smaller where it is shown without its canvas.
    """

    name: str
    size: tuple[int, int]
    known_size: tuple[int, int]
    known: str
    completed: dict[str, str]


class Study(NamedTuple):
    """What a study asks.

    Attributes:
      folder: where it lies.
      name: tells it from others in a browser.
      seed: of its questionnaires.
      questions, repeats: how many of them one questionnaire has, and how many of those show a pair again.
      methods: their names.
      entries: its pictures.
      facts: how it was made, in words.
    """

    folder: Path
    name: str
    seed: int
    questions: int
    repeats: int
    methods: list[str]
    entries: list[KeyEntry]
    facts: dict[str, str]

    def questionnaire(self, participant: int) -> list[Question]:
        """Returns what the participant of a number is asked: a function of the seed and of that number."""
        rng = np.random.default_rng([self.seed, participant])
        return draw(self.methods, len(self.entries), self.questions, self.repeats, rng)

    def file(self, opaque: str) -> Path:
        """Returns the file of a picture."""
        return self.folder / _PICTURES / f"{opaque}.png"

    def opaque_names(self) -> set[str]:
        """Returns the names of all pictures' files."""
        return {name for entry in self.entries for name in (entry.known, *entry.completed.values())}


def write_pictures(folder: Path, pictures: Iterable[Completed]) -> list[KeyEntry]:
    """Writes pictures to a study's new folder, and returns their part of the key.

    The files of one picture are of the same length, or how well each method's compress would tell the methods apart.
    """
    (folder / _PICTURES).mkdir()
    entries = []
    for one in pictures:
        encoded = {method: _png(picture) for method, picture in one.completed.items()}
        longest = max(map(len, encoded.values()))
        known, completed = secrets.token_hex(16), {method: secrets.token_hex(16) for method in encoded}
        _path(folder, known).write_bytes(_png(one.known))
        for method, png in encoded.items():
            _path(folder, completed[method]).write_bytes(_lengthened(png, longest - len(png)))
        size = _size_of(next(iter(one.completed.values())))
        entries.append(KeyEntry(one.name, size, _size_of(one.known), known, completed))
    return entries


def write_key(study: Study) -> None:
    """Writes all of a study but its pictures to its folder."""
    found = study._asdict() | {"entries": [entry._asdict() for entry in study.entries]}
    del found["folder"]
    files.write_text(study.folder / KEY, json.dumps(found, indent=2) + "\n")


def read_key(folder: Path) -> Study:
    """Returns the study in a folder; raises InputError where there is none, or it is damaged."""
    file = folder / KEY
    if not file.is_file():
        raise InputError(f"--study {folder} is no study: it has no {KEY}; python -m srn_jax.study make makes one")
    found = files.read_json(file)
    try:
        return _from_json(folder, found)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{file} is damaged: {error}") from error


def check_pictures(study: Study) -> None:
    """Raises InputError where a file of a study is missing."""
    for name in sorted(study.opaque_names()):
        if not study.file(name).is_file():
            raise InputError(f"{study.file(name)} is missing: the study cannot be shown as it was made")


def _from_json(folder: Path, found: dict[str, Any]) -> Study:
    entries = [KeyEntry(**one) for one in found["entries"]]
    entries = [one._replace(size=_size(one.size), known_size=_size(one.known_size)) for one in entries]
    study = Study(**{**found, "folder": folder, "entries": entries})
    numbers = (study.seed, study.questions, study.repeats)
    if any(type(number) is not int or number < 0 for number in numbers) or len(set(study.methods)) < 2 or not entries:
        raise ValueError("its numbers, methods or pictures are none")
    if any(list(entry.completed) != study.methods for entry in entries):
        raise ValueError("a picture is not completed by each method")
    if any(not _OPAQUE.fullmatch(name) for name in study.opaque_names()):
        raise ValueError("a file's name is not as it was given")
    return study


def _size(found: Any) -> tuple[int, int]:
    width, height = map(int, found)
    return width, height


def _path(folder: Path, opaque: str) -> Path:
    return folder / _PICTURES / f"{opaque}.png"


def _size_of(pixels: np.ndarray) -> tuple[int, int]:
    return pixels.shape[1], pixels.shape[0]


def _png(pixels: UInt8[np.ndarray, "h w 3"]) -> bytes:
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, format="PNG")
    return encoded.getvalue()


def _lengthened(png: bytes, much: int) -> bytes:
    """Returns the same PNG, longer by `much` bytes and by 12 of a chunk that has them."""
    chunk = _PADDING + bytes(much)
    return png[:-_END] + struct.pack(">I", much) + chunk + struct.pack(">I", zlib.crc32(chunk)) + png[-_END:]
