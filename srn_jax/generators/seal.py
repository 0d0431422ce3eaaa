"""The seal of a checkpoint: a list of its files with sizes and checksums, by which any damage is found and named."""

import json
import os
from pathlib import Path

import google_crc32c

from srn_jax.errors import InputError
from srn_jax.programs import files

_NAME = "checksums.json"
_CHUNK = 1 << 22


def seal(folder: Path) -> None:
    """Lists all files below `folder` in it; the last thing that is written before a checkpoint is given its name."""
    (folder / _NAME).unlink(missing_ok=True)
    found = {str(file.relative_to(folder)): _describe(file) for file in sorted(folder.rglob("*")) if file.is_file()}
    with (folder / _NAME).open("w") as file:
        json.dump(found, file, separators=(",", ":"))
        file.flush()
        os.fsync(file.fileno())


def check_seal(folder: Path, items: tuple[str, ...] = ("",)) -> None:
    """Raises InputError, which names the first file that is missing, not as it was written, or not in the list.

    Args:
      folder: a sealed folder.
      items: the parts of it that matter, as beginnings of relative paths; all, if nothing is said.
    """
    listed = files.read_json(folder / _NAME)
    try:
        rows = [(name, int(size), str(checksum)) for name, (size, checksum) in listed.items()]
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise InputError(f"{folder / _NAME} is damaged: {error}") from error
    for name, size, checksum in rows:
        if not name.startswith(items):
            continue
        file = folder / name
        try:
            there, found = _describe(file)
        except FileNotFoundError as error:
            raise InputError(f"{file} is missing") from error
        except OSError as error:  # an unreadable sector is damage, too
            raise InputError(f"{file} cannot be read: {error.strerror}") from error
        if there != size:
            raise InputError(f"{file} has {there:,} bytes where {size:,} were written")
        if found != checksum:
            raise InputError(f"{file} is damaged: its checksum is not that of what was written")
    _check_listed(folder, items, {name for name, _, _ in rows})


def _check_listed(folder: Path, items: tuple[str, ...], names: set[str]) -> None:
    """Raises InputError where files of an item are not in the list, or none is: a cut list lets damage through."""
    for item in items:
        if not any(name.startswith(item) for name in names):
            raise InputError(f"{folder / _NAME} is damaged: it lists no file{f' of {item}' if item else ''}")
    there = (file.relative_to(folder) for file in sorted(folder.rglob("*")) if file.is_file())
    for file in there:
        hidden = any(part.startswith(".") for part in file.parts)  # such as .DS_Store, which others leave
        if str(file) not in names and str(file) != _NAME and str(file).startswith(items) and not hidden:
            raise InputError(f"{folder / _NAME} is damaged: it does not list {file}")


def _describe(file: Path) -> tuple[int, str]:
    """Returns the file's size and its CRC-32C in hexadecimal digits."""
    checksum = google_crc32c.Checksum()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            checksum.update(chunk)
    return file.stat().st_size, checksum.hexdigest().decode()
