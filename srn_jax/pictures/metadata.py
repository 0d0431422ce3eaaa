"""What a picture's file says besides its pixels, as bytes that can be written again."""

import re
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from PIL import Image, ImageFile

from srn_jax.pictures import exif

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
COLOR_CHUNKS, _TEXTS = (b"gAMA", b"cHRM", b"cICP", b"sRGB"), (b"tEXt", b"zTXt", b"iTXt")  # of PNG
_ELSEWHERE = (b"XML:com.adobe.xmp\0", b"Raw profile type exif\0", b"Raw profile type APP1\0")  # texts that are no texts
_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation(?:\s*=\s*[\"']|>))([0-9])")
# What nothing here keeps: by Pillow's names, by formats; and by marks within JPEG 2000.
_DROPPED = {"photoshop": "its Photoshop block, with IPTC", "comment": "its comment"}
_DROPPED_CHUNKS = {
    b"mDCV": "its mastering display",
    b"cLLI": "its light level",
    b"sBIT": "its number of significant bits",
}
_MORE_XMP = b"http://ns.adobe.com/xmp/extension/"
_DROPPED_OF = ("JPEG", "MPO", "GIF")
_DROPPED_BOXES = {b"JpgTiffExif->JP2": "its EXIF", bytes.fromhex("be7acfcb97a942e89c71999491e3afac"): "its XMP"}
_USUAL_COLORS = ((1, 2, 5, 6), (1, 2, 6, 13))  # primaries and transfers that are sRGB's, or as good as


class Metadata(NamedTuple):
    """What a file says, with pixels that are upright.

    Attributes:
      exif: with its header; without the orientation and the preview.
      xmp: without an orientation.
      chunks: PNG's texts and what it says of colours: (name, bytes) each.
      lost: what nothing here can keep, in words.
    """

    exif: bytes = b""
    xmp: bytes = b""
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    lost: tuple[str, ...] = ()


def turned(picture: Image.Image, opened: ImageFile.ImageFile) -> Image.Image:
    """Returns the decoded `picture` as the orientation in its file says; as it is where that is damaged.

    Args:
      picture: the pixels.
      opened: Pillow's picture of the file, decoded.
    """
    if opened.format in ("TIFF", "HEIF"):
        return picture  # turned already
    try:
        number = exif.orientation(_exif_block(opened))
    except ValueError:
        number = None
    if number is None:
        said = _XMP_ORIENTATION.search(_xmp_of(opened))
        number = int(said[2]) if said else 1
    return picture.transpose(_TURNS[number]) if number in _TURNS else picture


def metadata_of(opened: ImageFile.ImageFile, raw: bytes) -> Metadata:
    """Returns what a file says.

    Args:
      opened: Pillow's picture of it, decoded: much of a PNG lies behind its pixels.
      raw: the file.
    """
    lost = [words for name, words in _DROPPED.items() if opened.format in _DROPPED_OF and opened.info.get(name)]
    if opened.format == "JPEG2000":
        lost += [words for mark, words in _DROPPED_BOXES.items() if mark in raw]
    lost += _passed_over(opened, raw)
    block = b""
    try:
        if opened.format == "TIFF":
            block, others = exif.of_tiff(raw)
            lost += [f"what its tags {', '.join(map(str, others))} say"] if others else []
        elif found := _original_exif(opened):
            block = exif.upright(found)
    except ValueError as error:
        lost.append(f"its EXIF, which is damaged ({error})")
    chunks = tuple(_chunks(raw)) if opened.format == "PNG" else tuple(_coding(opened, raw))
    return Metadata(block, _XMP_ORIENTATION.sub(rb"\g<1>1", _xmp_of(opened)), chunks, tuple(lost))


def _passed_over(opened: ImageFile.ImageFile, raw: bytes) -> Iterator[str]:
    """Yields what Pillow does not tell of a PNG or a JPEG, in words."""
    holds_profile = False
    if opened.format == "PNG":
        names = {name for name, _ in _all_chunks(raw)}
        yield from (words for name, words in _DROPPED_CHUNKS.items() if name in names)
        if any(data.startswith(_ELSEWHERE[2]) for name, data in _all_chunks(raw) if name in _TEXTS):
            yield "its EXIF, in ImageMagick's text APP1"
        holds_profile = b"iCCP" in names
    elif opened.format in ("JPEG", "MPO"):
        head = raw[: raw.find(b"\xff\xda")]
        if _MORE_XMP in head:
            yield "the rest of its XMP"
        holds_profile = b"ICC_PROFILE\0" in head
    if holds_profile and not opened.info.get("icc_profile"):
        yield "its colour profile, which is damaged"


def profile_of(opened: ImageFile.ImageFile, raw: bytes) -> bytes | None:
    """Returns the ICC profile that a file holds, also where Pillow passes it over."""
    profile = opened.info.get("icc_profile")
    if opened.format == "JPEG2000":
        place = raw.find(b"colr\x02", 0, max(0, raw.find(b"jp2c")))
        profile = raw[place + 7 : place - 4 + int.from_bytes(raw[place - 4 : place])] if place > 4 else None
    if opened.format == "BMP" and raw[14:18] == b"\x7c\0\0\0" and raw[70:74] == b"DEBM":
        place, length = struct.unpack_from("<II", raw, 14 + 112)
        profile = raw[14 + place : 14 + place + length]
    return profile or None


def _coding(opened: ImageFile.ImageFile, raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields what AVIF and HEIC say of their colours, where that is not sRGB, as the chunk that PNG has for it."""
    if opened.format in ("AVIF", "HEIF") and not opened.info.get("icc_profile"):
        for found in re.finditer(rb"colrnclx(.{4})", raw, re.DOTALL):
            primaries, transfer = struct.unpack(">HH", found[1])
            if primaries not in _USUAL_COLORS[0] or transfer not in _USUAL_COLORS[1]:
                yield b"cICP", bytes([primaries % 256, transfer % 256, 0, 1])
                return


def _exif_block(opened: ImageFile.ImageFile) -> bytes:
    """Returns the EXIF whose orientation holds."""
    found = opened.info.get("exif")
    if not found and isinstance(text := opened.info.get("Raw profile type exif"), str):
        found = bytes.fromhex("".join(text.split("\n")[3:]))
    return found if isinstance(found, bytes) else b""


def _original_exif(opened: Any) -> bytes:
    """Returns the EXIF as it is in the file."""
    if opened.format == "AVIF":  # Pillow makes it anew, with what AVIF's own boxes say of the orientation
        return opened._decoder.get_info()[4] or b""
    return _exif_block(opened)


def _xmp_of(opened: Any) -> bytes:
    # Of a TIFF, Pillow takes the orientation out when it decodes; the tag has it still.
    found = opened.tag_v2.get(700) if opened.format == "TIFF" else opened.info.get("xmp")
    found = found[0] if isinstance(found, tuple) and found else found
    found = found or opened.info.get("XML:com.adobe.xmp", "").encode()  # of a PNG, before Pillow 11.1
    return found if isinstance(found, bytes) else b""


def _chunks(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields the texts of a PNG, and what it says of colours."""
    for name, data in _all_chunks(raw):
        if name in COLOR_CHUNKS or (name in _TEXTS and not data.startswith(_ELSEWHERE)):
            yield name, data


def _all_chunks(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 8
    while place + 8 <= len(raw):
        length, name = struct.unpack_from(">I4s", raw, place)
        yield name, raw[place + 8 : place + 8 + length]
        place += 12 + length
