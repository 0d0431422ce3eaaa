"""The tensors in a file that torch.save wrote, read without PyTorch and without running what the file asks for."""

import io
import pickle
import pickletools
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from srn_jax.errors import InputError
from srn_jax.vgg.recognise import MAGIC

_PROTOCOL = 1001  # torch.serialization.PROTOCOL_VERSION
_BFLOAT16 = "bfloat16"  # the upper halves of float32; NumPy has no such type
_KINDS = {
    **{"FloatStorage": "f4", "DoubleStorage": "f8", "HalfStorage": "f2", "BFloat16Storage": _BFLOAT16},
    **{"LongStorage": "i8", "IntStorage": "i4", "ShortStorage": "i2", "CharStorage": "i1", "ByteStorage": "u1"},
    "BoolStorage": "?",
}


@dataclass(frozen=True)
class Storage:
    """A run of numbers in the file, which tensors are views of."""

    kind: str  # a NumPy type, or bfloat16
    order: str  # "<" or ">"
    count: int
    read: Callable[[int], bytes]  # takes the number of bytes to expect
    start: int = 0  # elements before it: the oldest files have views of storages, too

    @property
    def dtype(self) -> np.dtype:
        """The type that the file holds the numbers in."""
        return np.dtype(self.order + ("u2" if self.kind == _BFLOAT16 else self.kind))


@dataclass(frozen=True)
class Tensor:
    """A view of a storage; nothing is read before `array`."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # in elements

    def array(self) -> np.ndarray:
        """Returns a copy of the tensor's numbers; raises ValueError where the view leaves the storage."""
        last = self.offset + sum((size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True))
        if min((self.offset, *self.shape, *self.strides)) < 0 or (0 not in self.shape and last >= self.storage.count):
            raise ValueError(f"a tensor of shape {self.shape} leaves its storage of {self.storage.count} numbers")
        if 0 in self.shape:
            return np.zeros(self.shape, np.float32)
        dtype, start = self.storage.dtype, self.storage.start
        numbers = np.frombuffer(self.storage.read((start + self.storage.count) * dtype.itemsize), dtype)
        strides = [stride * dtype.itemsize for stride in self.strides]
        view = np.lib.stride_tricks.as_strided(numbers[start + self.offset :], self.shape, strides, writeable=False)
        if self.storage.kind == _BFLOAT16:
            return (view.astype(np.uint32) << 16).view(np.float32)
        return view.astype(dtype.newbyteorder("="))


def read(path: str) -> Any:
    """Returns the object that torch.save wrote to `path`, in either of its forms, with a `Tensor` for each tensor.

    Raises:
      InputError: the file asks for anything beyond tensors in dictionaries, which could be any program.
      Exception: whatever broken bytes provoke.
    """
    with open(path, "rb") as file:
        zipped = file.read(2) == b"PK"
    return _read_zip(path) if zipped else _read_stream(path)


def _read_zip(path: str) -> Any:
    """Returns the object of a file of PyTorch 1.6 (2020) or later: a zip archive, one entry a storage."""
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        root = next(name for name in names if name.split("/")[-1] == "data.pkl").removesuffix("data.pkl")
        pickled = archive.read(f"{root}data.pkl")
        order = ">" if f"{root}byteorder" in names and archive.read(f"{root}byteorder") == b"big" else "<"

    def storage(kind: str, key: str, count: int) -> Storage:
        def read_bytes(size: int) -> bytes:
            with zipfile.ZipFile(path) as archive:
                held = archive.getinfo(f"{root}data/{key}").file_size
                if held < size:
                    raise ValueError(f"storage {key} has {held} bytes in place of {size}")
                return archive.read(f"{root}data/{key}")[:size]

        return Storage(kind, order, count, read_bytes)

    return _load(io.BytesIO(pickled), path, storage)


def _read_stream(path: str) -> Any:
    """Returns the object of an older file, such as torchvision's of 2017: five pickles, then the storages' bytes."""
    storages: dict[str, Storage] = {}
    places: dict[str, int] = {}

    def storage(kind: str, key: str, count: int) -> Storage:
        def read_bytes(size: int) -> bytes:
            with open(path, "rb") as file:
                file.seek(places[key])
                return file.read(size)

        # Little-endian on every machine: PyTorch swaps the bytes where its own order is another.
        return storages.setdefault(key, Storage(kind, "<", count, read_bytes))

    with open(path, "rb") as file:
        # The third tells of C's types on the machine that wrote the file, which decide nothing.
        *header, _, result, keys = (_load(file, path, storage) for _ in range(5))
        if header != [int.from_bytes(MAGIC, "little"), _PROTOCOL]:
            raise ValueError(f"its header is {header}")
        for key in keys:
            (count,) = struct.unpack("<q", file.read(8))
            places[key], expected = file.tell(), storages[key]
            end = places[key] + expected.count * expected.dtype.itemsize
            if count != expected.count or end > Path(path).stat().st_size:
                raise ValueError(f"the file ends within storage {key}, or holds {count} numbers for {expected.count}")
            file.seek(end)
    return result


def _load(file: io.BufferedReader | io.BytesIO, path: str, storage: Callable[[str, str, int], Storage]) -> Any:
    """Returns the object of the pickle that begins where `file` stands, and leaves `file` at its end."""
    start = file.tell()
    for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
        # One damaged byte can number an object by billions, and the unpickler would make room for as many.
        if "PUT" in opcode.name and argument is not None and argument > count:
            raise ValueError(f"object {argument} among {count}")
    size = file.tell() - start
    file.seek(start)
    return _Unpickler(io.BytesIO(file.read(size)), path, storage).load()


class _Unpickler(pickle.Unpickler):
    """Builds dictionaries of `Tensor` and nothing else: whatever else a pickle names could run code."""

    def __init__(self, file: Any, path: str, storage: Callable[[str, str, int], Storage]):
        super().__init__(file, encoding="utf-8")  # for strings of Python 2, as PyTorch has it
        self._path, self._storage = path, storage

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in _KINDS:
            return _KINDS[name]
        if (module, name) not in _ALLOWED:
            raise InputError(
                f"{self._path!r} is refused: it asks for {module}.{name}, and giving a file what it asks for could run "
                "any program; have PyTorch save the model's state_dict() alone"
            )
        return _ALLOWED[module, name]

    def persistent_load(self, pid: Any) -> Storage:
        word, kind, key, _, count, *view = pid  # the fourth names the device that the numbers were on
        if word != "storage" or kind not in _KINDS.values() or not isinstance(key, str) or count < 0:
            raise ValueError(f"{pid} is no storage")
        whole = self._storage(kind, key, count)
        if not view or view[0] is None:
            return whole
        _, start, size = view[0]
        if not 0 <= start <= start + size <= whole.count:
            raise ValueError(f"the view {view[0]} leaves storage {key} of {whole.count} numbers")
        return Storage(kind, whole.order, size, whole.read, start)


def _tensor(storage: Storage, offset: int, shape: tuple, strides: tuple, *_: object) -> Tensor:
    """Returns what _rebuild_tensor and _rebuild_tensor_v2 stand for; gradients, hooks and the like are ignored."""
    return Tensor(storage, offset, tuple(shape), tuple(strides))


def _parameter(tensor: Tensor, *_: object) -> Tensor:
    """Returns what _rebuild_parameter stands for."""
    return tensor


_ALLOWED = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
}
