"""Reading the sorted tables of LevelDB (doc/table_format.md), in which TensorFlow keeps the index of a checkpoint."""

from collections.abc import Iterator
from pathlib import Path

import google_crc32c

from srn_jax.errors import InputError

_MAGIC = (0xDB4775248B80FB57).to_bytes(8, "little")
_FOOTER_BYTES = 48
_TRAILER_BYTES = 5  # behind a block: its type, its checksum
_NAMES_BYTES = 2**26  # a few bytes of an index repeat a long name, so the sum of all needs a bound of its own


class DamageError(Exception):
    """The index contradicts itself; the message is put behind its name."""


def read_range(path: Path, offset: int, size: int) -> bytes:
    """Returns `size` bytes, which the caller knows the file to have."""
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(size)


def masked_crc(data: bytes) -> int:
    """Returns the CRC-32C as LevelDB stores it, rotated and shifted (LevelDB, util/crc32c.h)."""
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Returns the number that begins at `at`, and where it ends."""
    number = 0
    for place, byte in enumerate(data[at : at + 10]):
        number |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return number, at + place + 1
    raise DamageError("a number in it has no end")


def read_table(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yields the keys and values of a sorted table."""
    size = path.stat().st_size
    footer = read_range(path, size - _FOOTER_BYTES, _FOOTER_BYTES) if size >= _FOOTER_BYTES else b""
    if footer[-8:] != _MAGIC:
        raise InputError(
            f"{path} is truncated, or no index of a TensorFlow V2 checkpoint: "
            f"it has {size} bytes and ends in {footer[-8:].hex() or 'no footer'}, not in {_MAGIC.hex()}"
        )
    _, at = _varint(footer, 0)  # offset and size of the metadata, of which TensorFlow writes none
    _, at = _varint(footer, at)
    last, names_bytes = None, 0
    for _, handle in _block(path, size, footer[at:]):
        for key, value in _block(path, size, handle):
            if last is not None and key <= last:
                raise DamageError(f"its names are not in order, {key!r} follows {last!r}")
            last, names_bytes = key, names_bytes + len(key)
            if names_bytes > _NAMES_BYTES:
                raise DamageError(f"its names take more than {_NAMES_BYTES} bytes")
            yield key, value


def _block(path: Path, file_size: int, handle: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields the keys and values of the block that `handle` points to."""
    offset, at = _varint(handle, 0)
    size, _ = _varint(handle, at)
    if offset + size + _TRAILER_BYTES > file_size - _FOOTER_BYTES:
        raise DamageError(f"a block of {size} bytes at {offset} does not fit into its {file_size} bytes")
    stored = read_range(path, offset, size + _TRAILER_BYTES)
    data, kind, crc = stored[:size], stored[size], int.from_bytes(stored[size + 1 :], "little")
    if (found := masked_crc(stored[: size + 1])) != crc:
        raise DamageError(f"the checksum of the block at {offset} is {found:#010x}, the index has {crc:#010x}")
    if kind != 0:
        raise InputError(f"{path} is compressed (type {kind}; 1 is Snappy); save it with TensorFlow 1.2 or later")
    # Behind the entries lie the offsets of those whose keys are spelt out, and in four bytes the number of these.
    end = size - 4 - 4 * int.from_bytes(data[-4:], "little")
    if end < 0:
        raise DamageError(f"the block at {offset} has {size} bytes, less than its own list of keys")
    key, at = b"", 0
    while at < end:
        shared, at = _varint(data, at)
        own, at = _varint(data, at)
        length, at = _varint(data, at)
        if shared > len(key) or at + own + length > end:
            raise DamageError(f"an entry of the block at {offset} does not fit into it")
        key = key[:shared] + data[at : at + own]
        at += own + length
        yield key, data[at - length : at]
