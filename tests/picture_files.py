"""Pictures in files that Pillow cannot write: deep ones, and chunks, tags and EXIF byte by byte."""

import struct
import zlib

import numpy as np


def png(pixels: np.ndarray, color: int, chunks: tuple[tuple[bytes, bytes], ...] = ()) -> bytes:
    """Returns a PNG of 8 or 16 bits a channel and color type `color`, with `chunks` before its pixels."""
    height, width = pixels.shape[:2]
    rows = pixels.astype(pixels.dtype.newbyteorder("big")).reshape(height, -1)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    header = struct.pack(">IIBBBBB", width, height, 8 * pixels.dtype.itemsize, color, 0, 0, 0)
    parts = ((b"IHDR", header), *chunks, (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    )


def ifd(entries: list[tuple[int, int, int, bytes]], order: str = "<", at: int = 8) -> bytes:
    """Returns a directory of (tag, type, count, value) that begins at byte `at`, its values behind it."""
    table, behind, data = struct.pack(order + "H", len(entries)), at + 6 + 12 * len(entries), b""
    for tag, kind, count, value in sorted(entries):
        if len(value) > 4:
            value, data = struct.pack(order + "I", behind + len(data)), data + value + b"\0" * (len(value) % 2)
        table += struct.pack(order + "HHI", tag, kind, count) + value.ljust(4, b"\0")
    return table + bytes(4) + data


def start(order: str) -> bytes:
    """Returns what a TIFF, and EXIF behind its name, begins with."""
    return (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)


def exif(entries: list[tuple[int, int, int, bytes]], order: str = "<") -> bytes:
    """Returns EXIF of one directory."""
    return b"Exif\0\0" + start(order) + ifd(entries, order)


def tiff(
    pixels: np.ndarray,
    photometric: int,
    *,
    apart: bool = False,
    order: str = "<",
    more: tuple[tuple[int, int, int, bytes], ...] = (),
    bits: int = 0,
) -> bytes:
    """Returns a TIFF without compression of [h, w, c]; its channels `apart`, or pixel by pixel."""
    height, width, channels = pixels.shape

    def short(tag: int, *values: int) -> tuple[int, int, int, bytes]:
        return tag, 3, len(values), struct.pack(f"{order}{len(values)}H", *values)

    def long(tag: int, values: list[int]) -> tuple[int, int, int, bytes]:
        return tag, 4, len(values), struct.pack(f"{order}{len(values)}I", *values)

    stored = pixels.astype(pixels.dtype.newbyteorder("big" if order == ">" else "little"))
    strips = (
        [np.ascontiguousarray(stored[..., one]).tobytes() for one in range(channels)] if apart else [stored.tobytes()]
    )
    depth = bits or 8 * pixels.dtype.itemsize

    def tags(offsets: list[int]) -> bytes:
        entries = [short(256, width), short(257, height), short(258, *[depth] * channels), short(259, 1)]
        entries += [short(262, photometric), long(273, offsets), short(277, channels), short(278, height)]
        entries += [long(279, [len(strip) for strip in strips]), short(284, 2 if apart else 1), *more]
        return start(order) + ifd(entries, order)

    first = len(tags([0] * len(strips)))
    places = [first + sum(map(len, strips[:one])) for one in range(len(strips))]
    return tags(places) + b"".join(strips)
