"""Bits a channel: what a file has, whatever Pillow makes of it, and its pixels rounded to 8."""

import io
import re
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import UInt8, UInt16
from PIL import Image, ImageFile

from srn_jax.pictures.formats import open_picture

# Tags of TIFF.
_DEPTHS, _PHOTOMETRIC, _STRIPS, _SAMPLES, _STRIP_BYTES, _PLANAR, _EXTRA, _FORMAT = (
    258,
    262,
    273,
    277,
    279,
    284,
    338,
    339,
)


def bits(picture: ImageFile.ImageFile, raw: bytes) -> int:
    """Returns how many bits the file's deepest channel has.

    Args:
      picture: opened, not decoded yet.
      raw: the file.
    """
    return _BITS.get(picture.format or "", lambda picture, raw: 8)(picture, raw)


def load(picture: ImageFile.ImageFile, raw: bytes) -> tuple[Image.Image, tuple[str, ...]]:
    """Returns the decoded picture with 8 bits a channel or less, in any of Pillow's modes, and what to warn of.

    Raises:
      ValueError: its numbers are no 8 or 16 bits without a sign, which have no black and white to be scaled between.
      Exception: whatever else Pillow raises of broken bytes.
    """
    depth = bits(picture, raw)
    deep = _how(picture)
    unsigned = picture.format != "TIFF" or set(_tag(picture, _FORMAT)) <= {1, 4}
    if not unsigned or (deep is None and picture.mode in ("I", "F")):
        raise ValueError(f"it has {_kind(picture, depth)} a channel; it takes up to 16 without a sign")
    made = picture if deep is None else deep(picture, raw, depth)
    made.load()
    if picture.format == "JPEG2000" and depth < 8:  # which Pillow shifts: white would be grey
        if made.mode in ("P", "PA"):
            raise ValueError(f"its palette has numbers of {depth} bits, and JPEG 2000 takes 8")
        white = 255 & -(1 << (8 - depth))
        made = made.point([min(255, round(value * 255 / white)) for value in range(256)] * len(made.getbands()))
    if picture.format == "PNG" and picture.mode == "L" and depth < 8 and "transparency" in made.info:
        made.info["transparency"] *= 255 // ((1 << depth) - 1)  # as Pillow does with the pixels
    return made, () if depth <= 8 else (f"its {depth} bits a channel are rounded to 8",)


_Load = Callable[[ImageFile.ImageFile, bytes, int], Image.Image]


def _how(picture: ImageFile.ImageFile) -> _Load | None:
    """Returns what reads the picture where Pillow would lose or mistake something; else None."""
    names = {_raw_mode(tile.args) for tile in picture.tile}
    if (
        picture.format == "TIFF"
        and _tag(picture, _PLANAR) == (2,)
        and "libtiff" not in {tile[0] for tile in picture.tile}
    ):
        return _planes
    if picture.mode.startswith("I;16") or (picture.mode == "I" and picture.format == "PPM"):
        return _grey
    if names == {"LA;16B"}:
        return _grey_and_opacity
    return _both_bytes if names and names <= _OTHER_BYTE.keys() else None


def _grey(picture: ImageFile.ImageFile, raw: bytes, depth: int) -> Image.Image:
    """Returns one channel of 9 to 16 bits as L, or as LA where a level is transparent."""
    picture.load()
    values, white = np.asarray(picture).astype(np.uint32), 65_535
    if picture.format == "TIFF" and depth < 16:
        white = (1 << depth) - 1
    elif picture.format == "JPEG2000":
        white = 65_535 & -(1 << max(0, 16 - depth))  # Pillow shifts them
    eight = np.minimum((values * 255 + white // 2) // white, 255).astype(np.uint8)
    if picture.format == "TIFF" and _tag(picture, _PHOTOMETRIC) == (0,):  # 0 is white; Pillow inverts 8 bits alone
        eight = 255 - eight
    level = picture.info.get("transparency")
    if level is None:
        return _like(picture, eight[..., None], "L")
    return _like(picture, np.dstack([eight, np.where(values == level, 0, 255).astype(np.uint8)]), "LA")


def _grey_and_opacity(picture: ImageFile.ImageFile, raw: bytes, depth: int) -> Image.Image:
    """Returns grey and opacity of 16 bits: as many bytes a pixel as RGBA of 8, and so Pillow reads them all."""
    with open_picture(raw) as other:
        other._mode = "RGBA"
        other.tile = [tile._replace(args=_renamed(tile.args, "RGBA")) for tile in other.tile]
        pairs = np.asarray(other).astype(np.uint16)
    return _like(picture, _rounded(pairs[..., ::2] << 8 | pairs[..., 1::2]), "LA")


def _both_bytes(picture: ImageFile.ImageFile, raw: bytes, depth: int) -> Image.Image:
    """Returns what Pillow reads in two turns: the high bytes, and, as if they were of the other order, the low ones."""
    with open_picture(raw) as other:
        other.tile = [tile._replace(args=_swapped(tile.args)) for tile in other.tile]
        high, low = (np.asarray(one).astype(np.uint16) for one in (picture, other))
    values = high << 8 | low
    level = picture.info.get("transparency")
    if level is None or picture.mode != "RGB":
        return _like(picture, _rounded(values), picture.mode)
    shown = (values != np.asarray(level, np.uint16)).any(axis=-1)
    return _like(picture, np.dstack([_rounded(values), np.where(shown, 255, 0).astype(np.uint8)]), "RGBA")


def _planes(picture: ImageFile.ImageFile, raw: bytes, depth: int) -> Image.Image:
    """Returns a TIFF without compression whose channels lie apart, of which Pillow mistakes all but the plainest."""
    depths, count = _depths(picture), (_tag(picture, _SAMPLES) or (1,))[0]
    if count == 1:  # nothing lies apart
        return load(_together(picture), raw)[0]
    offsets, sizes, extents = _tag(picture, _STRIPS), _tag(picture, _STRIP_BYTES), [tile[1] for tile in picture.tile]
    if not offsets or len(offsets) != len(sizes) or set(depths) not in ({8}, {16}):
        if set(depths) == {8}:
            return picture  # in tiles
        raise ValueError("its channels lie apart in a way that is not read; save it with its channels together")
    width, height, bands = *np.max([box[2:] for box in extents if box], axis=0).tolist(), len(picture.getbands())
    data = b"".join(raw[offset : offset + size] for offset, size in zip(offsets, sizes, strict=True))
    values = np.frombuffer(data, ("<" if raw[:1] == b"I" else ">") + f"u{depths[0] // 8}")
    values = np.moveaxis(values.reshape(count, height, width)[:bands], 0, -1)
    pixels = np.ascontiguousarray(values if depths[0] == 8 else _rounded(values.astype(np.uint16)))
    mode = "RGBa" if picture.mode == "RGBA" and _tag(picture, _EXTRA)[:1] == (1,) else picture.mode
    # Pillow reads them from behind the file, whose tags it looks at again.
    picture.fp = io.BytesIO(raw + pixels.tobytes())
    whole = (0, 0, width, height)
    picture.tile = [picture.tile[0]._replace(extents=whole, offset=len(raw), args=(mode, 0, 1))]
    return picture


def _together(picture: Any) -> ImageFile.ImageFile:
    """Returns a TIFF of one channel as one whose channels do not lie apart, which is the same."""
    picture.tag_v2[_PLANAR] = 1
    picture._setup()
    return picture


def _rounded(values: UInt16[np.ndarray, "*s"]) -> UInt8[np.ndarray, "*s"]:
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _like(picture: Image.Image, pixels: UInt8[np.ndarray, "h w c"], mode: str) -> Image.Image:
    """Returns `pixels` as a picture of `mode` that says what `picture` says, transparency aside: it is in them."""
    made = Image.frombytes(mode, (pixels.shape[1], pixels.shape[0]), np.ascontiguousarray(pixels).tobytes())
    made.info = {name: value for name, value in picture.info.items() if name != "transparency"}
    return made


def _raw_mode(args: Any) -> str:
    """Returns Pillow's name of how pixels lie in a file."""
    return args if isinstance(args, str) else str(args[0]) if isinstance(args, tuple) and args else ""


def _swapped(args: Any) -> Any:
    return _renamed(args, _OTHER_BYTE[_raw_mode(args)])


def _renamed(args: Any, name: str) -> Any:
    return name if isinstance(args, str) else (name, *args[1:])


_NATIVE_SWAPPED = "B" if sys.byteorder == "little" else "L"
_OTHER_BYTE = {
    f"{channels};16{order}": f"{channels};16{other}"
    for channels in ("RGB", "RGBX", "RGBA", "CMYK")
    for order, other in (("B", "L"), ("L", "B"), ("N", _NATIVE_SWAPPED))
}


def _tag(picture: Any, number: int) -> tuple[int, ...]:
    """Returns a TIFF's tag of whole numbers; nothing where it is not there."""
    found = picture.tag_v2.get(number, ())
    return tuple(found) if isinstance(found, tuple) else (found,)


def _depths(picture: ImageFile.ImageFile) -> tuple[int, ...]:
    return _tag(picture, _DEPTHS) or (1,)


def _kind(picture: ImageFile.ImageFile, depth: int) -> str:
    kinds = {2: "signed ", 3: "floating "}
    sign = kinds.get((_tag(picture, _FORMAT) or (1,))[0], "") if picture.format == "TIFF" else ""
    return f"{depth} {sign}bits"


def _of_jpeg_2000(picture: ImageFile.ImageFile, raw: bytes) -> int:
    start = raw.find(b"\xff\x4f\xff\x51")  # the code stream, which begins with its size
    channels = int.from_bytes(raw[start + 40 : start + 42])
    return max(1 + (byte & 127) for byte in raw[start + 42 : start + 42 + 3 * channels : 3])


def _of_avif(picture: ImageFile.ImageFile, raw: bytes) -> int:
    flags = [found[1][0] for found in re.finditer(rb"av1C..(.)", raw, re.DOTALL)]  # high_bitdepth, twelve_bit
    return max((8 if not byte & 64 else 12 if byte & 32 else 10 for byte in flags), default=8)


def _of_pnm(picture: ImageFile.ImageFile, raw: bytes) -> int:
    if picture.mode == "F":
        return 32
    brightest = [arg for tile in picture.tile if isinstance(tile.args, tuple) for arg in tile.args]
    return max(
        (arg.bit_length() for arg in brightest if isinstance(arg, int)), default=16 if picture.mode == "I" else 8
    )


# By Pillow's name of a format; the others have 8.
_BITS: dict[str, Callable[[ImageFile.ImageFile, bytes], int]] = {
    "AVIF": _of_avif,
    "HEIF": lambda picture, raw: int(picture.info.get("bit_depth", 8)),
    "JPEG2000": _of_jpeg_2000,
    "PNG": lambda picture, raw: raw[24],
    "PPM": _of_pnm,
    "TIFF": lambda picture, raw: max(_depths(picture)),
}
