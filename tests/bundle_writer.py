"""Writing TensorFlow's V2 checkpoints: small ones byte for byte as TensorFlow does, or with a fault on demand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np

MAGIC = bytes.fromhex("57fb808b247547db")
DTYPES = {
    **{"float32": 1, "float64": 2, "int32": 3, "uint8": 4, "int16": 5, "int8": 6, "complex64": 8},
    **{"int64": 9, "bool": 10, "bfloat16": 14, "float16": 19},
}
Items = list[tuple[bytes, bytes]]


def write(
    prefix: Path,
    tensors: dict[str, np.ndarray],
    *,
    shards: int = 1,
    block_bytes: int = 2**18,
    restart_every: int = 16,
    header: dict[str, int] | None = None,
    entries: dict[str, dict[str, Any]] | None = None,
    edit: Callable[[Items], Items] = list,
    kind: int = 0,
    handle: bytes | None = None,
) -> None:
    """Writes PREFIX.index and its data files.

    Args:
      prefix: path of the checkpoint; its folder is made.
      tensors: variable name -> array.
      shards: number of data files, which take turns.
      block_bytes: how many bytes of keys and values close a block of the index.
      restart_every: number of keys of which the first is spelt out.
      header: what else than the truth the header says, see `header_message`.
      entries: variable name -> what else than the truth its entry says, see `entry_message`.
      edit: gets the keys and values in order, returns those that are written.
      kind: the type byte of each block.
      handle: where the index says that the first block of entries lies.
    """
    data = [bytearray() for _ in range(shards)]
    items = [(b"", header_message(**{"num_shards": shards, **(header or {})}))]
    for number, name in enumerate(sorted(tensors, key=str.encode)):
        shard, array = number % shards, tensors[name]
        stored = array.astype(array.dtype.newbyteorder("<")).tobytes()
        entry = {
            "dtype": DTYPES[array.dtype.name],
            "shape": array.shape,
            "shard": shard,
            "offset": len(data[shard]),
            "size": len(stored),
            "crc": masked_crc(stored),
        }
        items.append((name.encode(), entry_message(**{**entry, **(entries or {}).get(name, {})})))
        data[shard] += stored
    prefix.parent.mkdir(parents=True, exist_ok=True)
    for shard, stored in enumerate(data):
        data_file(prefix, shard, shards).write_bytes(stored)
    index_file(prefix).write_bytes(_table(edit(items), block_bytes, restart_every, kind, handle))


def index_file(prefix: Path) -> Path:
    return prefix.with_name(f"{prefix.name}.index")


def data_file(prefix: Path, shard: int = 0, shards: int = 1) -> Path:
    return prefix.with_name(f"{prefix.name}.data-{shard:05d}-of-{shards:05d}")


def header_message(*, num_shards: int = 1, endianness: int = 0, producer: int = 1, min_consumer: int = 0) -> bytes:
    """Returns a BundleHeaderProto."""
    version = number(1, producer) + number(2, min_consumer)
    return number(1, num_shards) + number(2, endianness) + message(3, version)


def entry_message(
    *,
    dtype: int = 1,
    shape: tuple[int, ...] = (),
    unknown_rank: bool = False,
    shard: int = 0,
    offset: int = 0,
    size: int = 0,
    crc: int = 0,
    slices: int = 0,
) -> bytes:
    """Returns a BundleEntryProto; `slices` is the number of pieces of a partitioned variable."""
    dims = b"".join(message(2, number(1, dim)) for dim in shape)
    place = number(3, shard) + number(4, offset) + number(5, size) + b"\x35" + crc.to_bytes(4, "little")
    return number(1, dtype) + message(2, dims + number(3, unknown_rank)) + place + slices * message(7, b"")


def number(field: int, value: int) -> bytes:
    """Returns a protobuf field; as in proto3 nothing for 0."""
    return varint(field << 3) + varint(value & 2**64 - 1) if value else b""


def message(field: int, value: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(value)) + value


def varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def masked_crc(data: bytes) -> int:
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) % 2**32


def footer(metadata: bytes, index: bytes) -> bytes:
    """Returns the end of a table, of the handles of its last two blocks."""
    return (metadata + index).ljust(40, b"\0") + MAGIC


def _table(items: Items, block_bytes: int, restart_every: int, kind: int, handle: bytes | None) -> bytes:
    blocks, filled = [[]], 0
    for key, value in items:
        if filled >= block_bytes:
            blocks, filled = [*blocks, []], 0
        blocks[-1].append((key, value))
        filled += len(key) + len(value)
    table, index = b"", []
    for block in blocks:
        where, table = _append(table, _block(block, restart_every), kind)
        index.append((block[-1][0] if block else b"", where))
    index[-1] = (_short_successor(index[-1][0]), index[-1][1])
    if handle is not None:
        index[0] = (index[0][0], handle)
    metadata, table = _append(table, _block([], restart_every), kind)
    where, table = _append(table, _block(index, 1), kind)
    return table + footer(metadata, where)


def _append(table: bytes, block: bytes, kind: int) -> tuple[bytes, bytes]:
    """Returns the handle of `block` at the end of `table`, and the table with it."""
    sealed = block + bytes([kind])
    return varint(len(table)) + varint(len(block)), table + sealed + masked_crc(sealed).to_bytes(4, "little")


def _block(items: Items, restart_every: int) -> bytes:
    block, restarts, last = b"", [], b""
    for place, (key, value) in enumerate(items):
        shared = _common(last, key) if place % restart_every else 0
        restarts += [] if place % restart_every else [len(block)]
        block += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        last = key
    restarts = restarts or [0]
    return block + b"".join(at.to_bytes(4, "little") for at in [*restarts, len(restarts)])


def _common(first: bytes, second: bytes) -> int:
    """Returns the number of bytes with which both begin."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((place for place, (one, other) in pairs if one != other), min(len(first), len(second)))


def _short_successor(key: bytes) -> bytes:
    """Returns a short key not before `key`, as TensorFlow stores behind the last block."""
    for place, byte in enumerate(key):
        if byte != 0xFF:
            return key[:place] + bytes([byte + 1])
    return key
