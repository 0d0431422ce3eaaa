"""Uploaded files: off the disk as soon as they are read, and none lost to a visitor who drops the same file."""

import threading
import time
from pathlib import Path

from srn_jax.errors import InputError

_SECONDS = 60.0  # that a file's bytes are kept for visitors who dropped the same
_BYTES = 200_000_000  # of all files together


class Uploads:
    """Reads uploaded files and removes them; all visitors' threads may use it.

    The page's server stores equal files once, under a name made of their content: whoever reads one first removes it
    for all, so its bytes are kept for a while for the others.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[Path, tuple[float, bytes]] = {}  # the one read last at the end

    def take(self, path: Path) -> bytes:
        """Returns the file's bytes and removes it; raises InputError where it is gone."""
        with self._lock:
            self._forget(0)
            try:
                content = path.read_bytes()
            except FileNotFoundError as error:
                if path not in self._kept:
                    raise InputError("That upload is gone: drop the photograph once more.") from error
                content = self._kept[path][1]
            except OSError as error:
                raise InputError(f"That upload cannot be read: {error.strerror}.") from error
            path.unlink(missing_ok=True)
            self._kept.pop(path, None)
            self._forget(len(content))
            self._kept[path] = time.monotonic(), content
            return content

    def _forget(self, coming: int) -> None:
        """Drops what was read long ago, and as much more as makes room for so many bytes."""
        now, room = time.monotonic(), _BYTES - coming
        for path, (read, _) in list(self._kept.items()):
            if now - read > _SECONDS or sum(len(content) for _, content in self._kept.values()) > room:
                del self._kept[path]
