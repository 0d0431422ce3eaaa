"""Fetching one known file over HTTP: what arrives is that file or nothing, and an interruption costs nothing."""

import hashlib
import http.client
import re
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from srn_jax.errors import InputError
from srn_jax.programs import files
from srn_jax.programs.lock import locked

_BLOCK = 1 << 18


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """A file on a server, and how to tell that it is the one."""

    url: str
    size: int  # bytes
    md5: str
    sha256: str | None = None


SHA256: str | None = None  # Keras publishes an MD5 alone; the SHA-256 of what arrives is recorded beside it
KERAS = RemoteFile(  # keras.applications.VGG19(include_top=False)
    url="https://storage.googleapis.com/tensorflow/keras-applications/vgg19/vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
    size=80_134_624,
    md5="253f8cb515780f3b799900260a226db6",
    sha256=SHA256,
)


class _Dropped(Exception):  # noqa: N818 - it is no error yet: another attempt follows
    """The connection ended early; `restart`: what has arrived does not fit the server's file."""

    def __init__(self, reason: object, *, restart: bool = False):
        super().__init__(reason)
        self.restart = restart


def download(source: RemoteFile, target: Path, *, attempts: int = 5, pause: float = 2.0, timeout: float = 30.0) -> str:
    """Returns the SHA-256 of the file at `target`, which is fetched unless it is there already, and checked either way.

    Bytes go to TARGET.part, which outlives an interruption: the next call asks for the rest. The SHA-256 is recorded
    in TARGET.sha256 as sha256sum writes it; where there is such a record, the file is held to it.

    Args:
      attempts: how many times to connect before a server that drops connections is given up.
      pause: seconds before another attempt.
      timeout: seconds without an answer, or another byte, after which a connection counts as dropped.

    Raises:
      InputError: the server cannot be reached, or sends another file, or the file cannot be written; one line.
    """
    record = target.with_name(f"{target.name}.sha256")
    try:
        if target.is_dir():
            raise InputError(f"{target} is a folder; a file is to be written")
        recorded = _read_record(record)
        if target.exists():
            digest = _check(source, target, recorded, f"remove {target} to fetch it anew")
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(f"{target.name}.part")
            with locked(files.beside(target, "lock"), str(target), "give another name"):
                _fetch(source, part, target, attempts, pause, timeout)
                try:
                    digest = _check(source, part, recorded, "it is removed, and nothing is written")
                except InputError:
                    part.unlink()
                    raise
                files.put_into_place(part, target)
        if recorded is None:
            files.write_text(record, f"{digest}  {target.name}\n")
    except OSError as error:  # of the disk: _fetch has words of its own for the network's
        raise InputError(f"cannot write {error.filename or target}: {error.strerror or error}") from error
    return digest


def _fetch(source: RemoteFile, part: Path, target: Path, attempts: int, pause: float, timeout: float) -> None:
    """Completes `part`; raises InputError where the server does not send the file, OSError where the disk fails."""
    reason = ""
    for attempt in range(attempts):
        if attempt:
            time.sleep(pause)
        have = part.stat().st_size if part.exists() else 0
        if have == source.size:
            return
        if have > source.size:
            part.unlink()
            have = 0
        try:
            with _ask(source, target, have, timeout, reached=attempt > 0) as response:
                _receive(source, target, part, have, response)
            return
        except _Dropped as dropped:
            reason = str(dropped)
            if dropped.restart:
                part.unlink(missing_ok=True)
    raise InputError(
        f"{_host(source)} broke off {attempts} times, lastly with: {reason}; the same command continues where it "
        f"stopped, or {_elsewhere(source, target)}"
    )


def _ask(source: RemoteFile, target: Path, have: int, timeout: float, *, reached: bool) -> http.client.HTTPResponse:
    """Returns the server's answer to a request for all but the first `have` bytes."""
    # No If-Range: a file that changed meanwhile fails the checksum, as any but the one does.
    request = urllib.request.Request(source.url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        return urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        answer = f"{error.code} {error.reason}"
        error.close()
        if error.code == 416 and have:
            raise _Dropped(answer, restart=True) from error
        if error.code in (408, 429) or error.code >= 500:
            raise _Dropped(answer) from error
        raise InputError(f"{_host(source)} answers {answer}; {_elsewhere(source, target)}") from error
    except urllib.error.URLError as error:
        answer = getattr(error.reason, "strerror", None) or error.reason
        if reached:
            raise _Dropped(answer) from error
        raise InputError(f"{_host(source)} cannot be reached ({answer}); {_elsewhere(source, target)}") from error
    except (OSError, http.client.HTTPException) as error:
        raise _Dropped(str(error) or type(error).__name__) from error


def _receive(source: RemoteFile, target: Path, part: Path, have: int, response: http.client.HTTPResponse) -> None:
    """Appends what the server sends to `part`, or begins it anew where the server sends all of the file."""
    if response.status == 206:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if not found or int(found[1]) != have:
            raise _Dropped("another range than was asked for", restart=True)
        announced = found[2]
    else:
        have, announced = 0, response.headers.get("Content-Length", "*")
    if announced not in (str(source.size), "*"):
        raise InputError(
            f"{_host(source)} has {announced} bytes, expected {source.size}: it sends another file, or a page in its "
            f"place; {_elsewhere(source, target)}"
        )
    from tqdm import tqdm  # here, since --help tells of `KERAS`

    with (
        open(part, "ab" if have else "wb") as file,
        tqdm(total=source.size, initial=have, unit="B", unit_scale=True, desc=target.name) as bar,
    ):
        while have < source.size:
            try:
                block = response.read1(min(_BLOCK, source.size - have))
            except (OSError, http.client.HTTPException) as error:
                raise _Dropped(str(error) or type(error).__name__) from error
            if not block:
                raise _Dropped(f"end after {have} of {source.size} bytes")
            file.write(block)
            have += len(block)
            bar.update(len(block))


def _check(source: RemoteFile, path: Path, recorded: str | None, consequence: str) -> str:
    """Returns the file's SHA-256; raises InputError with the value seen and the one expected where they differ."""
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            md5.update(block)
            sha256.update(block)
    for name, seen, expected in (
        ("size", f"{path.stat().st_size} bytes", f"{source.size} bytes"),
        ("MD5", md5.hexdigest(), source.md5),
        ("SHA-256", sha256.hexdigest(), source.sha256),
        ("SHA-256", sha256.hexdigest(), recorded),
    ):
        if expected is not None and seen != expected.lower():
            raise InputError(f"the {name} of {path} is {seen}, expected {expected}; {consequence}")
    return sha256.hexdigest()


def _read_record(record: Path) -> str | None:
    """Returns the SHA-256 that was recorded earlier, None where none was; raises InputError where it is no record."""
    if not record.exists():
        return None
    word = record.read_text(errors="replace").partition(" ")[0]
    if not re.fullmatch("[0-9a-fA-F]{64}", word):
        raise InputError(f"{record} is no record of sha256sum; remove it")
    return word


def _host(source: RemoteFile) -> str:
    return urlsplit(source.url).netloc


def _elsewhere(source: RemoteFile, target: Path) -> str:
    return f"fetch {source.url} elsewhere and put it at {target} (its MD5 is {source.md5})"
