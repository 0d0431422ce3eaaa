"""Files and folders that are whole or not there: written beside their place, then renamed."""

import contextlib
import errno
import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from itertools import count
from pathlib import Path
from typing import Any, NoReturn

from srn_jax.errors import InputError, brief
from srn_jax.programs.lock import locked, turn

_LOCK, _SHARE = ".lock", ".share-{}-of-{}.lock"
_LONGEST = 255  # bytes of a name, on all usual file systems


def expand(path: str | Path, setting: str) -> Path:
    """Returns `path` with ~ expanded.

    Raises:
      InputError: it is no path, empty, ~ is nobody's, or a name in it is longer than the file system takes; names
        `setting`.
    """
    if not isinstance(path, str | Path):
        raise InputError(f"{setting} is {brief(path)}; it takes a path, as text or a pathlib.Path")
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
            much = f"whose longest name has {longest} bytes; names take {_LONGEST}"
            if longest <= _LONGEST:
                much = f"of {len(os.fsencode(expanded)):,} bytes; paths take some 4,000"
            raise InputError(f"{setting} is {brief(str(path))}, {much} at most") from error
    return expanded


def beside(path: Path, kind: str) -> Path:
    """Returns a hidden path in the folder of `path`, by its name and `kind`, no longer than file systems take."""
    name = f".{path.name}.{kind}"
    if len(os.fsencode(name)) > _LONGEST:
        name = f".{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:32]}.{kind}"
    return path.with_name(name)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a path beside `path` to write to, and renames it to `path` at the end; on an error nothing is left.

    What a killed process left there is written over.

    Raises:
      InputError: another process is writing to `path`.
    """
    part = beside(path, "part")
    with locked(part, str(path), "give another name"):
        yield part
        put_into_place(part, path)


def put_into_place(part: Path, path: Path) -> None:
    """Renames a file that is written to the name that it is to have; the disk has it before."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(part, path)
    _keep(path.parent)


@contextlib.contextmanager
def creating(folder: Path) -> Iterator[Path]:
    """Yields a new folder beside `folder`, and renames it to `folder` at the end; on an error nothing is left.

    Raises:
      InputError: `folder` exists and is not an empty folder, or another process makes it.
    """
    folder = Path(os.path.realpath(folder))  # "." has no name to put something beside, and a link is not replaced
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise InputError(f"{folder} exists; give the name of a new folder")
    with _folder_beside(folder) as part:
        yield part
        keep_all(part)
        os.replace(part, folder)
        _keep(folder.parent)


@contextlib.contextmanager
def creating_file(path: Path) -> Iterator[Path]:
    """Yields a path beside `path` to write a new file to, and renames it at the end; on an error nothing is left.

    Raises:
      InputError: something of that name exists, or another process makes it.
    """
    path = Path(os.path.realpath(path))
    if path.exists():
        raise InputError(f"{path} exists; give the name of a new file")
    with _folders_above(path), replacing(path) as part:
        yield part


@contextlib.contextmanager
def replacing_folder(folder: Path, check: Callable[[], None]) -> Iterator[Path]:
    """Yields a new folder beside `folder`, and puts it in its place at the end; on an error `folder` stays.

    Args:
      check: raises InputError where `folder` must not be replaced; called at the beginning, and again at the end. What
        was made is then kept under another name, which the error tells.

    Raises:
      InputError: as `check` does, or another process replaces it.
    """
    folder = Path(os.path.realpath(folder))  # what a link leads to is replaced, not the link
    before = beside(folder, "before")
    with _folder_beside(folder) as part:
        if before.is_dir() and not folder.exists():  # a process was killed between the two renames below
            os.replace(before, folder)
        shutil.rmtree(before, ignore_errors=True)
        check()
        yield part
        keep_all(part)
        try:
            check()
        except InputError as error:
            other = next(path for n in count(2) if not (path := folder.with_name(f"{folder.name}-{n}")).exists())
            os.replace(part, other)
            raise InputError(f"{error}; what was made is in {other}") from error
        if folder.is_dir():
            os.replace(folder, before)
        try:
            os.replace(part, folder)
        except OSError:
            if before.is_dir():
                os.replace(before, folder)
            raise
        _keep(folder.parent)
        shutil.rmtree(before, ignore_errors=True)


@contextlib.contextmanager
def _folder_beside(folder: Path) -> Iterator[Path]:
    """Yields a new folder to be renamed to `folder`; it goes at the end where it was not, with the folders above it."""
    with _folders_above(folder), locked(beside(folder, "lock"), str(folder), "give another name"):
        part = beside(folder, "part")
        shutil.rmtree(part, ignore_errors=True)
        try:
            part.mkdir()
            yield part
        finally:
            shutil.rmtree(part, ignore_errors=True)


@contextlib.contextmanager
def _folders_above(path: Path) -> Iterator[None]:
    """Makes the folders that `path` is to lie in; those that it made, and are empty at the end, go again."""
    file = next((parent for parent in path.parents if parent.is_file()), None)
    if file is not None:
        raise InputError(f"{path} cannot be made: it lies below the file {file}")
    made = [parent for parent in path.parents if not parent.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    finally:
        _remove_empty(made)


@contextlib.contextmanager
def working_in(folder: Path, setting: str, share: tuple[int, int] | None = None) -> Iterator[None]:
    """Makes `folder` and holds it for this process; on an error a folder that it made, and is empty, goes again.

    Args:
      setting: how the user gave the path.
      share: (k, n): it is held with the other n - 1 processes that do their share there, by this one as the k-th.

    Raises:
      InputError: another process works there, which has no share, the same one, or one of another n.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    what, own = f"{setting} {folder}", _LOCK if share is None else _SHARE.format(*share)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            with in_turn(folder):  # or two that exclude each other would each find the other's lock, or none of them
                stack.enter_context(locked(folder / own, what, "give another"))
                for other in (folder / _LOCK, *folder.glob(_SHARE.format("*", "*"))):
                    together = share and fnmatch(other.name, _SHARE.format("*", share[1]))
                    if other.name != own and not together and other.exists():
                        with locked(other, what, "give another"):  # what a killed process left goes
                            pass
            yield
    finally:
        _remove_empty(made)


def in_turn(folder: Path) -> contextlib.AbstractContextManager[None]:
    """Keeps the processes that work in a folder together from what one of them does alone, as `turn`."""
    return turn(folder / ".turn")


def keep_all(folder: Path) -> None:
    """Has the disk keep all of a folder through a loss of power."""
    for place, _, names in os.walk(folder):
        for name in names:
            _keep(Path(place, name))
        _keep(Path(place))


def _remove_empty(folders: list[Path]) -> None:
    """Removes folders, the innermost first, up to one that holds something."""
    with contextlib.suppress(OSError):
        for folder in folders:
            folder.rmdir()


def _keep(path: Path) -> None:
    """Has the disk keep a file, or what a folder lists."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # of folders, which some file systems refuse
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Writes `text` in UTF-8, whole or not at all; of file names that are no UTF-8 the odd bytes are escaped."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8", errors="backslashreplace")


def read_json(path: Path) -> Any:
    """Returns what a file of JSON holds.

    Raises:
      InputError: it cannot be read, is no JSON, is nested too deep, or holds a number that is none or infinite.
    """
    try:
        return parse_json(path.read_text())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged: {error}") from error


def parse_json(text: str) -> Any:
    """Returns what JSON says.

    Raises:
      ValueError, RecursionError: it is none, is nested too deep, or holds a number that is none or infinite.
    """
    return json.loads(text, parse_constant=_refuse, parse_float=_finite)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"it holds {constant}")


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f"it holds {brief(text)}")
    return number
