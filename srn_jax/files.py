"""Files and folders that are whole or not there: written beside their place, then renamed."""

import contextlib
import json
import math
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from srn_jax.errors import InputError, brief


def expand(path: str | Path, setting: str) -> Path:
    """Returns `path` with ~ expanded.

    Raises:
      InputError: it is no path, empty, or ~ is nobody's; names `setting`.
    """
    if not isinstance(path, str | Path):
        raise InputError(f"{setting} is {brief(path)}; it takes a path, as text or a pathlib.Path")
    if not str(path):
        raise InputError(f"{setting} is empty; it takes a path")
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise InputError(f"{setting} is {str(path)!r}, and there is no such user; ./~... names a file") from error


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a path beside `path` to write to, and renames it to `path` at the end; on an error nothing is left."""
    beside = path.with_name(f".{path.name}.part")
    try:
        yield beside
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


@contextlib.contextmanager
def creating(folder: Path) -> Iterator[Path]:
    """Yields a new folder beside `folder`, and renames it to `folder` at the end; on an error nothing is left.

    Raises:
      InputError: `folder` exists and is not an empty folder.
    """
    folder = Path(os.path.abspath(folder))  # "." has no name to put something beside
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise InputError(f"{folder} exists; give the name of a new folder")
    beside = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        beside.mkdir(parents=True)
        yield beside
        os.replace(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


@contextlib.contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Yields a new folder beside `folder`, and puts it in its place at the end; on an error `folder` stays."""
    folder = Path(os.path.abspath(folder))
    beside, before = (folder.with_name(f".{folder.name}.{kind}") for kind in ("part", "before"))
    for left in (beside, before):
        shutil.rmtree(left, ignore_errors=True)
    try:
        beside.mkdir(parents=True)
        yield beside
        if folder.is_dir():
            os.replace(folder, before)
        os.replace(beside, folder)
    finally:
        for left in (beside, before):
            shutil.rmtree(left, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Writes `text` in UTF-8, whole or not at all; of file names that are no UTF-8 the odd bytes are escaped."""
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8", errors="backslashreplace")


def read_json(path: Path) -> Any:
    """Returns what a file of JSON holds.

    Raises:
      InputError: it cannot be read, is no JSON, is nested too deep, or holds a number that is none or infinite.
    """
    try:
        return json.loads(path.read_text(), parse_constant=_refuse, parse_float=_finite)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged: {error}") from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"it holds {constant}")


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f"it holds {brief(text)}")
    return number
