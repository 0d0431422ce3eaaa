"""Where photographs come from: one table, each entry a training and a held-out collection that never overlap."""

import codecs
import os
import re
from collections.abc import Callable
from importlib import resources
from pathlib import Path

from srn_jax.config import Data
from srn_jax.data.layouts import deepfashion, ethz, paris_streetview
from srn_jax.data.photographs import Files, Split, left_to_train
from srn_jax.data.records import tfds
from srn_jax.errors import InputError
from srn_jax.pictures.folders import list_pictures
from srn_jax.programs.files import expand

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


def embedded(data: Data) -> Split:
    """Returns the photographs in the scikit-image package, split by scene."""
    del data
    folder = Path(str(resources.files("skimage") / "data"))
    missing = [name for name in (*_EMBEDDED_TRAINING, *_EMBEDDED_HELD_OUT) if not (folder / name).is_file()]
    if missing:
        raise InputError(f"the installed scikit-image lacks {', '.join(missing)}; requirements.txt names one that fits")
    training, held_out = (
        Files([folder / name for name in names], keep=True) for names in (_EMBEDDED_TRAINING, _EMBEDDED_HELD_OUT)
    )
    return training, held_out


def folder(data: Data) -> Split:
    """Returns the pictures below `data.path`, the last `data.held_out` by name held out, or those of another folder.

    Neighbors by name often show one scene, so a block is held out, not every n-th.
    """
    return split_files(data, list_pictures)


def listed(data: Data) -> Split:
    """Returns the pictures that the text file `data.path` lists, one path a line, as the release reads them.

    The last `data.held_out` lines are held out, or those of another list. A path that is not absolute counts from the
    list's own folder, or, if nothing is there, from the working folder, as in the release.
    """
    return split_files(data, read_list)


def read_list(path: str, setting: str) -> list[Path]:
    """Returns the paths in a list; a few of them, spread over it, must exist, the others show when they are read.

    Raises:
      InputError: no such list, no line in it, or none of its pictures is there; names `setting`.
    """
    file = expand(path, setting)
    if not os.path.isfile(file):
        raise InputError(f"{setting} is {path!r}, which is no file; it takes a text file with a picture's path a line")
    try:
        lines = _lines(file.read_bytes())
    except OSError as error:
        raise InputError(f"{setting} is {path!r}, which cannot be read: {error.strerror or error}") from error
    except UnicodeError as error:
        raise InputError(f"{setting} is {path!r}, which is no text file with a picture's path a line") from error
    if not lines:
        raise InputError(f"{setting} is {path!r}, which lists no picture")
    found = [[Path(os.path.abspath(here / _home(line))) for line in lines] for here in (file.parent, Path())]
    for paths in found:
        if any(os.path.isfile(picture) for picture in (*paths[:: max(1, len(paths) // 100)], *paths)):
            return paths
    if any("\udc80" <= character <= "\udcff" for line in lines for character in line):  # no UTF-8, and no names
        raise InputError(f"{setting} is {path!r}, which is no text file with a picture's path a line")
    raise InputError(f"{setting} is {path!r}, none of whose pictures is there; the first would be {found[0][0]}")


def _lines(text: bytes) -> list[str]:
    """Returns the lines that hold something; of names that are no UTF-8 the odd bytes are escaped, as paths are."""
    coding = next((coding for mark, coding in _MARKS.items() if text.startswith(mark)), "utf-8")
    errors = "surrogateescape" if coding.startswith("utf-8") else "strict"
    return [line for line in re.split(r"\r\n|\r|\n", text.decode(coding, errors)) if line.strip()]


# What a text of Windows may begin with.
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def _home(line: str) -> Path:
    """Returns a line's path with ~ expanded, where it is somebody's."""
    try:
        return Path(line).expanduser()
    except RuntimeError:
        return Path(line)


def split_files(data: Data, read: Callable[[str, str], list[Path]]) -> Split:
    """Returns the files that `read` finds for a path and the setting's name: for training, and held out.

    Raises:
      InputError: there is nothing to train on or to hold out, or a file is in both parts.
    """
    files = read(data.path, "data.path")
    if data.held_out_path:
        held_out = read(data.held_out_path, "data.held_out_path")
        overlap = {os.path.realpath(path) for path in files} & {os.path.realpath(path) for path in held_out}
        if overlap:
            raise InputError(
                f"data.held_out_path shares {len(overlap)} pictures with data.path, such as {min(overlap)}"
            )
    else:
        left = left_to_train(len(files), data, data.path)
        files, held_out = files[:left], files[left:]
    return Files(files), Files(held_out)


SOURCES: dict[str, Callable[[Data], Split]] = {
    "embedded": embedded,
    "folder": folder,
    "list": listed,
    "tfds": tfds,
    "paris_streetview": paris_streetview,
    "ethz": ethz,
    "deepfashion": deepfashion,
}
