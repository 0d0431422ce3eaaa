"""From any of Pillow's modes of 8 bits to RGB or RGBA: palettes and transparency first, then the colour profile."""

import io
from typing import NamedTuple

from PIL import Image, ImageCms

_SPACES = {"L": b"GRAY", "RGB": b"RGB ", "CMYK": b"CMYK", "YCbCr": b"RGB ", "LAB": b"Lab "}  # that fit a mode


class Colors(NamedTuple):
    """A picture in RGB, or in RGBA where its file speaks of transparency.

    Attributes:
      picture: its pixels, as its file has them where `profile` says what they mean.
      profile: its ICC profile of RGB.
      applied: whether a profile of other colours was there, and made them sRGB.
      warnings: what to warn of.
    """

    picture: Image.Image
    profile: bytes | None
    applied: bool
    warnings: tuple[str, ...]


def to_colors(picture: Image.Image, profile: bytes | None) -> Colors:
    """Returns the colours of a decoded picture; a profile that does not fit them is left out, and named.

    Args:
      picture: of 8 bits a channel or less, in any mode; `info` has its transparent level or color.
      profile: the ICC profile that its file holds.

    Raises:
      ValueError: Pillow cannot bring the mode to RGB.
    """
    colors, opacity = _apart(picture)
    made, words, space = None, (), profile[16:20] if profile else b""
    as_rgb = space == b"RGB " and colors.mode in ("L", "RGB", "YCbCr")  # grey is all three alike
    kept = profile if as_rgb and _opens(profile) else None
    if profile and not kept:
        fitting = space if as_rgb else _SPACES[colors.mode]
        made = _by_profile(colors, profile) if space == fitting and not as_rgb else None
        if made is None:
            fault = "cannot be used" if space == fitting else f"is one of {_told(space)}, not of {_told(fitting)}"
            words = (f"its colour profile {fault}, and is left out",)
    rgb = made or colors.convert("RGB")
    if opacity is not None:
        rgb.putalpha(opacity)
    return Colors(rgb, kept, made is not None, words)


def in_srgb(picture: Image.Image, profile: bytes) -> Image.Image:
    """Returns a picture of RGB in sRGB; as it is, where its profile cannot be used."""
    return _by_profile(picture, profile) or picture


def _apart(picture: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Returns the colours in L, RGB, CMYK, YCbCr or LAB, and the opacity where the file has one."""
    shown = picture.has_transparency_data
    if picture.mode in ("1", "L", "LA", "La"):
        whole = picture.convert("LA" if shown else "L")
    elif picture.mode in _SPACES and not shown:
        return picture, None
    else:
        whole = picture.convert("RGBA" if shown else "RGB")
    if not shown:
        return whole, None
    return whole.convert("L" if whole.mode == "LA" else "RGB"), whole.getchannel("A")


def _by_profile(picture: Image.Image, profile: bytes) -> Image.Image | None:
    """Returns a picture of another colour space in sRGB; None where its profile cannot be used."""
    try:
        there, srgb = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(picture, there, srgb, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def _opens(profile: bytes | None) -> bool:
    try:
        ImageCms.ImageCmsProfile(io.BytesIO(profile or b""))
    except (ImageCms.PyCMSError, OSError):
        return False
    return True


def _told(space: bytes) -> str:
    return repr(space.decode("ascii", "replace").strip())
