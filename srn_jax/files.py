"""Files and folders that are whole or not there: written beside their place, then renamed."""

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from srn_jax.errors import InputError

_LONGEST = 255  # bytes of a name, on all usual file systems


def expand(path: str | Path, setting: str) -> Path:
    """Returns `path` with ~ expanded.

    Raises:
      InputError: it is empty, ~ is nobody's, or a name in it is longer than the file system takes; names `setting`.
    """
    if not str(path):
        raise InputError(f"{setting} is empty; it takes a path")
    try:
        expanded = Path(path).expanduser()
    except RuntimeError as error:
        raise InputError(f"{setting} is {str(path)!r}, and there is no such user; ./~... names a file") from error
    try:
        os.stat(expanded)
    except ValueError as error:
        raise InputError(f"{setting} is {str(path)!r}, which no path can be ({error})") from error
    except OSError as error:  # whether anything is there, is for others to say
        if error.errno == errno.ENAMETOOLONG:
            longest = max(len(os.fsencode(name)) for name in expanded.parts)
            raise InputError(
                f"{setting} is {str(path)!r}, whose longest name has {longest} bytes; names take {_LONGEST} at most"
            ) from error
    return expanded


def beside(path: Path, kind: str) -> Path:
    """Returns a hidden path in the folder of `path`, by its name and `kind`, no longer than file systems take."""
    name = f".{path.name}.{kind}"
    if len(os.fsencode(name)) > _LONGEST:
        name = f".{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:32]}.{kind}"
    return path.with_name(name)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a path beside `path` to write to, and renames it to `path` at the end; on an error nothing is left."""
    part = beside(path, "part")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def creating(folder: Path) -> Iterator[Path]:
    """Yields a new folder beside `folder`, and renames it to `folder` at the end; on an error nothing is left.

    Raises:
      InputError: `folder` exists and is not an empty folder.
    """
    folder = Path(os.path.abspath(folder))  # "." has no name to put something beside
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise InputError(f"{folder} exists; give the name of a new folder")
    part = beside(folder, "part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        yield part
        os.replace(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextlib.contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Yields a new folder beside `folder`, and puts it in its place at the end; on an error `folder` stays."""
    folder = Path(os.path.abspath(folder))
    part, before = beside(folder, "part"), beside(folder, "before")
    for left in (part, before):
        shutil.rmtree(left, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        yield part
        if folder.is_dir():
            os.replace(folder, before)
        os.replace(part, folder)
    finally:
        for left in (part, before):
            shutil.rmtree(left, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Writes `text` in UTF-8, whole or not at all; of file names that are no UTF-8 the odd bytes are escaped."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8", errors="backslashreplace")
