"""EXIF byte by byte: the orientation read and taken out, a TIFF's own tags put in, all else as it was."""

import struct
from typing import NamedTuple

HEADER = b"Exif\0\0"
_ORIENTATION, _LARGEST = 0x0112, 2**16  # of a directory's entries
_WHOLE = {3: "H", 4: "I", 8: "h", 9: "i"}  # the types that an orientation is read in, as elsewhere
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}  # bytes, by type
_DIRECTORIES = (34_665, 34_853, 40_965)  # EXIF, GPS and interoperability, which an entry points to

# Of a TIFF's tags, those that say how its pixels lie in the file.
_STRUCTURE = {254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 274, 277, 278, 279, 280, 281, 284, 288, 289}
_STRUCTURE |= {290, 291, 292, 293, 297, 317, 320, 321, 322, 323, 324, 325, 326, 327, 328, 330, 332, 334}
_STRUCTURE |= {336, 338, 339, 340, 341, 342, 347, *range(512, 522), 529, 530, 531, 532, 559}
_READ_ELSEWHERE = {700, 34_675}  # XMP and the colour profile
_ABOVE = {18_246, 18_249, 33_432, *_DIRECTORIES, *range(40_091, 40_096)}  # what photographs have beyond the first tags


class Entry(NamedTuple):
    """A tag of a directory.

    Attributes:
      tag: its number.
      kind: TIFF's number of its type.
      number: how many values it has.
      value: their bytes; or the entries of the directory that it points to.
    """

    tag: int
    kind: int
    number: int
    value: "bytes | list[Entry]"


def orientation(exif: bytes) -> int | None:
    """Returns the number of the orientation, 1 where it is of a type that no viewer reads; None where there is none.

    Raises:
      ValueError: it is no EXIF, or its first directory is damaged.
    """
    block = exif.removeprefix(HEADER)
    order, start, count = _first(block)
    for place in _entries(start, count):
        tag, kind = struct.unpack_from(order + "HH", block, place)
        if tag == _ORIENTATION:
            return struct.unpack_from(order + _WHOLE[kind], block, place + 8)[0] if kind in _WHOLE else 1
    return None


def upright(exif: bytes) -> bytes:
    """Returns EXIF without an orientation that viewers would follow, and without the small picture; else as it was.

    The small picture, a preview, would show what the picture was before. All other bytes stay, and stay in place.

    Raises:
      ValueError: it is no EXIF, or its first directory is damaged.
    """
    block = exif.removeprefix(HEADER)
    order, start, count = _first(block)
    kept = b""
    for place in _entries(start, count):
        tag, kind = struct.unpack_from(order + "HH", block, place)
        if tag != _ORIENTATION or kind not in _WHOLE:
            kept += block[place : place + 12]
    if not kept:
        return b""
    behind = start + 2 + 12 * count + 4
    table = struct.pack(order + "H", len(kept) // 12) + kept
    return HEADER + block[:start] + table.ljust(behind - start, b"\0") + block[behind:]


def of_tiff(raw: bytes) -> tuple[bytes, tuple[int, ...]]:
    """Returns EXIF with what the tags of a TIFF's first picture say, and the numbers of those that it leaves out.

    Raises:
      ValueError: a directory is damaged.
    """
    order, offset, large = _header(raw)
    found = _read(raw, order, offset, large)
    said = [entry for entry in found if entry.tag not in _STRUCTURE | _READ_ELSEWHERE or _is_no_orientation(entry)]
    kept = [entry for entry in said if entry.tag < 32_768 or entry.tag in _ABOVE]
    left_out = tuple(entry.tag for entry in said if entry not in kept)
    if not kept:
        return b"", left_out
    start = struct.pack(order + "HI", 42, 8)
    return HEADER + (b"II" if order == "<" else b"MM") + start + _pack(order, kept, 8), left_out


def _is_no_orientation(entry: Entry) -> bool:
    """Returns whether an entry is called an orientation, but of a type that nothing turns by: text, or bytes."""
    return entry.tag == _ORIENTATION and entry.kind in (1, 2, 7)


def _header(block: bytes) -> tuple[str, int, bool]:
    """Returns the byte order, where the first directory is, and whether it is one of BigTIFF."""
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None or len(block) < 16:
        raise ValueError("it does not begin as EXIF does")
    (version,) = struct.unpack_from(order + "H", block, 2)
    (offset,) = struct.unpack_from(order + ("Q" if version == 43 else "I"), block, 8 if version == 43 else 4)
    return order, offset, version == 43


def _first(block: bytes) -> tuple[str, int, int]:
    """Returns the byte order, where the first directory of EXIF is, and how many entries it has."""
    order, start, large = _header(block)
    if large or start + 2 > len(block):
        raise ValueError("its first directory is not in it")
    (count,) = struct.unpack_from(order + "H", block, start)
    if start + 2 + 12 * count > len(block):
        raise ValueError("its first directory is cut off")
    return order, start, count


def _entries(start: int, count: int) -> range:
    return range(start + 2, start + 2 + 12 * count, 12)


def _read(raw: bytes, order: str, offset: int, large: bool, depth: int = 0) -> list[Entry]:
    """Returns the entries of a directory whose types are known, those that it points to included."""
    head, size, form, inline = ("Q", 20, "HHQ", 8) if large else ("H", 12, "HHI", 4)
    try:
        (count,) = struct.unpack_from(order + head, raw, offset)
        first, found = offset + struct.calcsize(order + head), []
        for place in range(first, first + size * min(count, _LARGEST), size):
            tag, kind, number = struct.unpack_from(order + form, raw, place)
            length, at = _SIZES.get(kind, 0) * number, place + size - inline
            if length > inline:
                (at,) = struct.unpack_from(order + ("Q" if large else "I"), raw, at)
            value = raw[at : at + length]
            if tag in _DIRECTORIES and depth < 2:
                whole = order + {8: "Q", 4: "I"}[8 if kind in (16, 18) else 4]
                (below,) = struct.unpack_from(whole, raw, place + size - inline)
                found.append(Entry(tag, 4, 1, _read(raw, order, below, large, depth + 1)))
            elif 0 < length == len(value):
                found.append(Entry(tag, kind, number, value))
    except struct.error as error:
        raise ValueError("a directory of its tags is cut off") from error
    return found


def _pack(order: str, entries: list[Entry], at: int) -> bytes:
    """Returns the directory that begins at byte `at`, and its values behind it."""
    table, behind, data = struct.pack(order + "H", len(entries)), at + 2 + 12 * len(entries) + 4, b""
    for tag, kind, number, value in entries:
        place = behind + len(data)
        if isinstance(value, list):
            data += _pack(order, value, place)
            value = struct.pack(order + "I", place)
        elif len(value) > 4:
            data += value + b"\0" * (len(value) % 2)
            value = struct.pack(order + "I", place)
        table += struct.pack(order + "HHI", tag, kind, number) + value.ljust(4, b"\0")
    return table + b"\0\0\0\0" + data
