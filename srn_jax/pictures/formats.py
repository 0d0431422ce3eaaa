"""Which formats are opened: one list, for every program."""

import contextlib
import io

from PIL import Image, ImageFile, UnidentifiedImageError

with contextlib.suppress(ImportError):  # the extra `heic`
    from pi_heif import register_heif_opener

    register_heif_opener()
Image.init()  # Pillow's own formats, which it would import one after another

# Of what Pillow opens, the formats of photographs, whatever a file's ending says: PostScript, for one, is a program,
# which Pillow would have Ghostscript run.
READABLE = ("AVIF", "BMP", "GIF", "HEIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
_HEIC = (b"ftypheic", b"ftypheix", b"ftyphevc", b"ftypmif1")  # bytes 4 to 12 of such files


def open_picture(raw: bytes) -> ImageFile.ImageFile:
    """Returns Pillow's picture of a file's bytes, not decoded yet.

    Raises:
      UnidentifiedImageError: it is of no format in `READABLE`; says what would read HEIC.
      Exception: whatever else Pillow raises of broken bytes.
    """
    formats = [name for name in READABLE if name in Image.OPEN]
    try:
        return Image.open(io.BytesIO(raw), formats=formats)
    except UnidentifiedImageError as error:
        if raw[4:12] in _HEIC and "HEIF" not in formats:
            raise UnidentifiedImageError("it is HEIC, which `pip install pi-heif` lets be read") from error
        raise UnidentifiedImageError(f"cannot identify image file: {_fault(raw, formats)}") from error


def _fault(raw: bytes, formats: list[str]) -> str:
    begun = [name for name in formats if (accept := Image.OPEN[name][1]) and accept(raw[:16]) is True]
    if begun:
        return f"it begins as {begun[0]} does, but is damaged, or has channels of a kind that is not read"
    return f"it is none of {', '.join(formats)}"
