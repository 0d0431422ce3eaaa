"""Which kinds of file are written: one table, for every program."""

from typing import Any, NamedTuple


class Format(NamedTuple):
    """A kind of file that can be written: Pillow's options, the longest side, and what it keeps, in bytes."""

    options: dict[str, Any]
    longest: int
    alpha: bool
    chunks: bool = False
    most_exif: int = 2**31 - 1
    most_xmp: int = 2**31 - 1


_JPEG = Format(
    {"format": "JPEG", "quality": 95, "subsampling": 0}, 65_500, alpha=False, most_exif=65_533, most_xmp=65_504
)
FORMATS = {
    ".png": Format({"format": "PNG"}, 2**31 - 1, alpha=True, chunks=True),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".webp": Format({"format": "WEBP", "lossless": True, "exact": True}, 16_383, alpha=True),
}
