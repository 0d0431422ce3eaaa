"""The picture files in a folder."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from absl import logging

from srn_jax.errors import InputError
from srn_jax.programs import files

# Of the formats that are read, the endings that name photographs.
_ENDINGS = (".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jp2", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm")
_ENDINGS += (".ppm", ".tif", ".tiff", ".webp")


def list_pictures(path: str, setting: str) -> list[Path]:
    """Returns the files below the folder `path` whose ending is that of a picture, sorted; hidden ones are left out.

    Links to folders are followed, each folder once; what cannot be looked into is named in a warning.

    Raises:
      InputError: no such folder, or no picture in it; names `setting`, through which the user gave the path, and the
        first of what cannot be looked into.
    """
    root = files.expand(path, setting) if path else None
    if root is None or not os.path.isdir(root):
        raise InputError(f"{setting} is {path!r}, which is no folder; it takes one that holds pictures")
    left_out = _LeftOut()
    found = sorted(file for file in _below([root], left_out) if _is_picture(file, left_out))
    if not found:
        seen = "".join(f"; {words}" for words in left_out[:1])
        raise InputError(f"{setting} is {path!r}, which holds no picture (.jpg, .png, .webp, ...){seen}")
    for words in left_out:
        logging.warning(words)
    return found


class _LeftOut(list[str]):
    """What of a folder cannot be looked into, and why."""

    def add(self, path: str | Path, why: str | None) -> None:
        self.append(f"{path} is left out: {why}")

    def refused(self, error: OSError) -> None:
        self.add(error.filename, error.strerror)

    def look_at(self, path: str | Path) -> os.stat_result | None:
        try:
            return os.stat(path)
        except OSError as error:
            self.refused(error)
            return None

    def identity(self, folder: str | Path) -> tuple[int, int] | None:
        """Returns what a folder has in common with itself by another path; None where it cannot be looked at."""
        found = self.look_at(folder)
        return found and (found.st_dev, found.st_ino)


def check_outside(output: Path, inputs: Path, setting: str, of: str) -> None:
    """Raises InputError where `output` lies in the folder `inputs`, or where a link in it leads; names the settings."""
    if not inputs.is_dir():
        return
    starts = [inputs]
    for _ in _below(starts, _LeftOut()):
        pass
    place = Path(os.path.realpath(output))
    if any(place.is_relative_to(os.path.realpath(start)) for start in starts):
        raise InputError(f"{setting} {output} lies inside {of}, which would take its pictures in the next time")


def _below(waiting: list[Path], left_out: _LeftOut) -> Iterator[Path]:
    """Yields what is no folder below `waiting`, one folder: first what lies in it, then what its links lead to.

    Those links are added to `waiting`.
    """
    hidden, seen, root = (".", "__MACOSX"), set(), waiting[0]
    above = {left_out.identity(folder) for folder in Path(os.path.realpath(root)).parents}
    for start in waiting:
        if start is not root and left_out.identity(start) in above:
            left_out.add(start, "it leads to a folder above the data")
            continue
        for folder, folders, names in os.walk(start, onerror=left_out.refused):
            place = left_out.identity(folder)
            if place is None or place in seen:
                folders.clear()
                continue
            seen.add(place)
            folders[:] = sorted(name for name in folders if not name.startswith(hidden))
            waiting += [Path(folder, name) for name in folders if os.path.islink(os.path.join(folder, name))]
            yield from (Path(folder, name) for name in names if not name.startswith(hidden))


def _is_picture(path: Path, left_out: _LeftOut) -> bool:
    """Returns whether a path ends as pictures do, and is a file; names what, for all that is known, might be one."""
    named = path.suffix.lower() in _ENDINGS
    if not named and not path.is_symlink():
        return False
    found = left_out.look_at(path)
    return named and found is not None and stat.S_ISREG(found.st_mode)
