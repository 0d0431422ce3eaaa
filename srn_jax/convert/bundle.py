"""Reading TensorFlow's V2 checkpoints ("tensor bundles") without TensorFlow.

A checkpoint of prefix P is P.index, which says of each variable where its bytes lie, and the bytes themselves in
P.data-00000-of-00001 and so on. The index is a sorted table as LevelDB writes it (LevelDB, doc/table_format.md) of
protobuf messages (TensorFlow, core/protobuf/tensor_bundle.proto; core/util/tensor_bundle/tensor_bundle.cc writes them).
Files are not trusted: whatever they say, nothing is read or allocated before it was compared with their sizes.
"""

import math
import re
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

import ml_dtypes  # noqa: F401 - it makes "bfloat16" a NumPy dtype
import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory, text_format
from google.protobuf.message import DecodeError

from srn_jax.convert.sorted_table import DamageError, masked_crc, read_range, read_table
from srn_jax.errors import InputError
from srn_jax.programs.files import expand

_VERSION = 1  # kTensorBundleVersion
_TAKES = "--tf-checkpoint takes a TensorFlow V2 checkpoint: PREFIX.index, PREFIX.data-00000-of-00001 (V1 is one file)"
_READABLE = {  # core/framework/types.proto, with NumPy's names
    **{1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8"},
    **{9: "int64", 10: "bool", 14: "bfloat16", 19: "float16"},
}
_OTHERS = {7: "string", 8: "complex64", 18: "complex128", 20: "resource", 21: "variant"}
_FIELDS = {  # of the messages in tensor_bundle.proto and checkpoint_state.proto, those that are read; [] is repeated
    "Version": "min_consumer 2 int32",
    "Header": "num_shards 1 int32, endianness 2 int32, version 3 Version",
    "Dim": "size 1 int64",
    "Shape": "dim 2 Dim[], unknown_rank 3 bool",
    "Entry": "dtype 1 int32, shape 2 Shape, shard_id 3 int32, offset 4 int64, size 5 int64, crc32c 6 fixed32, "
    "slices 7 bytes[]",
    "CheckpointState": "model_checkpoint_path 1 string, all_model_checkpoint_paths 2 string[], "
    "all_model_checkpoint_timestamps 3 double[], last_preserved_timestamp 4 double",
}


def _messages() -> dict[str, Any]:
    """Returns the classes of the messages of _FIELDS, in a pool of their own, since TensorFlow may be imported too."""

    def field(name: str, number: str, kind: str) -> dict[str, Any]:
        label, kind = "LABEL_REPEATED" if kind.endswith("[]") else "LABEL_OPTIONAL", kind.removesuffix("[]")
        typed = {"typeName": kind} if kind in _FIELDS else {"type": f"TYPE_{kind.upper()}"}
        return {"name": name, "number": int(number), "label": label, **typed}

    types = {name: [field(*row.split()) for row in rows.split(",")] for name, rows in _FIELDS.items()}
    messages = [{"name": name, "field": fields} for name, fields in types.items()]
    file = {"name": "bundle.proto", "syntax": "proto3", "messageType": messages}
    pool = descriptor_pool.DescriptorPool()
    pool.Add(json_format.ParseDict(file, descriptor_pb2.FileDescriptorProto()))
    return dict(message_factory.GetMessageClassesForFiles(["bundle.proto"], pool))


_MESSAGES = _messages()


@dataclass(frozen=True)
class VariableEntry:
    """A variable as the index describes it.

    `dtype` is NumPy's name, or TensorFlow's where that is not read ("string"). `size` bytes at `offset` of data file
    number `shard` have the masked CRC-32C `crc`; of a `partitioned` variable, saved in pieces, these four are 0.
    """

    dtype: str
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    crc: int
    partitioned: bool


class Bundle:
    """A checkpoint whose index is read and checked; its variables are read one at a time.

    Attributes:
      prefix: the path of the checkpoint, without .index.
      entries: variable name -> VariableEntry, in the order of the index.
    """

    def __init__(self, prefix: Path):
        """Reads the index of `prefix` (see `find_prefix`) and compares it with the sizes of the data files.

        Raises:
          InputError: a file is missing, damaged, truncated, or of a kind that is not read here.
        """
        index = _with(prefix, ".index")
        if not index.is_file():
            raise InputError(f"there is no {index}; {_TAKES}")
        try:
            table = read_table(index)
            key, header = next(table, (None, b""))
            if key != b"":
                raise DamageError("it does not begin with a header")
            self.prefix = prefix
            self._shards = _shards(prefix, _MESSAGES["Header"].FromString(header))
            # A key that begins with 0 is of a piece of a partitioned variable (EncodeTensorNameSlice).
            named = ((key.decode(), value) for key, value in table if not key.startswith(b"\0"))
            self.entries = {name: _entry(name, value, len(self._shards)) for name, value in named}
        except (DamageError, DecodeError, UnicodeDecodeError) as error:
            raise InputError(f"{index} is damaged: {error}; copy the checkpoint again") from error
        for shard, path in enumerate(self._shards):
            asked = max((e.offset + e.size for e in self.entries.values() if e.shard == shard), default=0)
            if (size := path.stat().st_size) < asked:
                raise InputError(f"{path} is truncated: it has {size} bytes, the index asks for {asked}")

    def read(self, name: str) -> np.ndarray:
        """Returns the variable `name` as a writable array of its own, in native byte order.

        Raises:
          InputError: there is no such variable; it is of a kind that is not read here; its bytes are damaged.
        """
        if name not in self.entries:
            raise InputError(f"{self.prefix} has no variable {name!r}, but {len(self.entries)} others")
        entry = self.entries[name]
        if entry.partitioned:
            raise InputError(f"{name!r} in {self.prefix} is a partitioned variable; only whole ones are read")
        if entry.dtype not in _READABLE.values():
            readable = ", ".join(_READABLE.values())
            raise InputError(f"{name!r} in {self.prefix} is of type {entry.dtype}; read are {readable}")
        path = self._shards[entry.shard]
        data = read_range(path, entry.offset, entry.size)
        if (crc := masked_crc(data)) != entry.crc:
            raise InputError(
                f"{path} is damaged, or of another checkpoint than its index: "
                f"the checksum of {name!r} is {crc:#010x}, the index has {entry.crc:#010x}"
            )
        dtype = np.dtype(entry.dtype)
        return np.frombuffer(data, dtype.newbyteorder("<")).reshape(entry.shape).astype(dtype)


def find_prefix(path: str | Path) -> Path:
    """Returns the prefix of the checkpoint that `path` names.

    Args:
      path: a prefix, one of its files, or a folder. Of a folder: what its file `checkpoint` names, or the only .index
        where that is not there; without such a file, the .index with the highest number (the last one in its name).

    Raises:
      InputError: there is no checkpoint, one of another kind, or several of which none is the latest.
    """
    path = expand(path, "--tf-checkpoint")
    if _with(path, ".index").is_file():
        return path
    if path.is_dir():
        return _prefix_in(path)
    if path.name in ("checkpoint", "saved_model.pb") and path.is_file():
        return _prefix_in(path.parent)
    prefix = Path(re.sub(r"(?<=[^/])\.(index|meta|data-\d+-of-\d+)\Z", "", str(path)))
    if _with(prefix, ".index").is_file():
        return prefix
    if prefix == path and path.is_file():
        raise InputError(f"{path} is one file, of a V1 checkpoint or of none; {_TAKES}")
    raise InputError(f"there is no {_with(prefix, '.index')}; {_TAKES}")


def _prefix_in(folder: Path) -> Path:
    files = (file for file in folder.glob("*.index") if file.is_file() and not file.name.startswith("."))
    prefixes = sorted(Path(str(file).removesuffix(".index")) for file in files)
    named = _latest(folder / "checkpoint") if (folder / "checkpoint").is_file() else None
    if named is not None and _with(named, ".index").is_file():
        return named
    if named is None:
        numbers = {prefix: int(["-1", *re.findall("[0-9]+", prefix.name)][-1]) for prefix in prefixes}
        prefixes = [prefix for prefix in prefixes if numbers[prefix] == max(numbers.values())]
    if len(prefixes) == 1:
        return prefixes[0]
    if prefixes:
        names = ", ".join(prefix.name for prefix in prefixes)
        raise InputError(f"{folder} has several checkpoints, and none is the latest: {names}; give the path of one")
    if (folder / "saved_model.pb").is_file():
        raise InputError(f"{folder} is a SavedModel; {_TAKES}, as in {folder / 'variables' / 'variables'}")
    raise InputError(f"{folder} has no .index file; {_TAKES}")


def _latest(state: Path) -> Path:
    """Returns the prefix that TensorFlow's file `checkpoint` names: a path from its folder, or of another machine."""
    try:
        named = text_format.Parse(state.read_text("utf-8"), _MESSAGES["CheckpointState"]()).model_checkpoint_path
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise InputError(f"{state} is not TensorFlow's: {error}; give the path of the checkpoint itself") from error
    parts = PureWindowsPath(named)  # which splits at / and at \
    within = state.parent / named
    return within if not parts.anchor and _with(within, ".index").is_file() else state.parent / parts.name


def _with(prefix: Path, suffix: str) -> Path:
    return Path(f"{prefix}{suffix}")  # with_suffix would replace the .5 of "run-1.5"


def _shards(prefix: Path, header: Any) -> list[Path]:
    """Returns the data files that `header` asks for."""
    index, number = _with(prefix, ".index"), header.num_shards
    if header.version.min_consumer > _VERSION:
        raise InputError(f"{index} needs a reader of version {header.version.min_consumer}; this one has {_VERSION}")
    if header.endianness != 0:
        raise InputError(f"{index} is big-endian (endianness {header.endianness}); only little-endian, 0, is read")
    if number < 1:
        raise DamageError(f"it asks for {number} data files, not for one or more")
    paths = []
    for shard in range(number):
        paths.append(_with(prefix, f".data-{shard:05d}-of-{number:05d}"))
        if not paths[-1].is_file():
            there = sorted(path.name for path in prefix.parent.glob("*.data-*") if path.stem == prefix.name)
            found = ", ".join(there) or "none"
            raise InputError(f"there is no {paths[-1]}; {index.name} asks for {number} data file(s), there: {found}")
    return paths


def _entry(name: str, value: bytes, shards: int) -> VariableEntry:
    """Returns what `value` says of the variable `name`."""
    message = _MESSAGES["Entry"].FromString(value)
    dtype = (_READABLE | _OTHERS).get(message.dtype, f"number {message.dtype}")
    shape = tuple(dim.size for dim in message.shape.dim)
    # NumPy has up to 64 dimensions, and counts bytes with 63 bits, those of an empty array as if 0 were 1.
    possible = len(shape) <= 64 and min(shape, default=0) >= 0 and math.prod(dim or 1 for dim in shape) < 2**59
    if message.shape.unknown_rank or not possible:
        raise DamageError(f"{name!r} has no shape that an array can have")
    if message.slices:
        return VariableEntry(dtype, shape, 0, 0, 0, 0, partitioned=True)
    if not 0 <= message.shard_id < shards:
        raise DamageError(f"{name!r} lies in data file {message.shard_id} of {shards}, counted from 0")
    if message.offset < 0 or message.size < 0:
        raise DamageError(f"{name!r} has offset {message.offset} and size {message.size}, which are 0 or more")
    if message.dtype in _READABLE and message.size != (needed := math.prod(shape) * np.dtype(dtype).itemsize):
        raise DamageError(f"{name!r} has {message.size} bytes, where {dtype} of shape {shape} takes {needed}")
    return VariableEntry(
        dtype, shape, message.shard_id, message.offset, message.size, message.crc32c, partitioned=False
    )
