"""Pictures side by side: strips for a training's log, labelled sheets for people."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont

Image8 = UInt8[np.ndarray, "_ _ 3"]  # pictures of one sheet differ in size
Images = UInt8[np.ndarray, "n h w 3"]
_LONGEST = 400  # pixels, of a picture on a sheet of a report


def known_on_grey(
    images: UInt8[np.ndarray, "*n h w 3"], masks: Float[np.ndarray, "*n h w 1"]
) -> UInt8[np.ndarray, "*n h w 3"]:
    """Returns one picture, or several, with the unknown region in grey."""
    return np.where(masks > 0.5, np.uint8(128), images)


def strips(completed: Images, truth: Images, masks: Float[np.ndarray, "n h w 1"]) -> UInt8[np.ndarray, "n h w3 3"]:
    """Returns known | extrapolated | truth side by side, [n, h, 3w, 3]."""
    return np.concatenate([known_on_grey(truth, masks), completed, truth], axis=2)


def shrunk(image: Image8) -> UInt8[np.ndarray, "new_h new_w 3"]:
    """Returns a picture as a report shows it: its longer side 400 pixels, if it is longer."""
    picture = Image.fromarray(image)
    picture.thumbnail((_LONGEST, _LONGEST))
    return np.asarray(picture)


def contact_sheet(
    columns: Mapping[str, Images | Sequence[Image8]], tile: int = 128
) -> UInt8[np.ndarray, "sheet_h sheet_w 3"]:
    """Returns a labelled sheet, one row a picture and one column a system.

    The pictures of a row are of one size; small ones are enlarged to about `tile` pixels in height.
    """
    sizes = []
    for image in next(iter(columns.values())):
        scale = max(1, round(tile / image.shape[0]))
        sizes.append((image.shape[1] * scale, image.shape[0] * scale))
    gap, header, widest = 6, 24, max(width for width, _ in sizes)
    tops = np.cumsum([header, *(height + gap for _, height in sizes)]).tolist()
    sheet = Image.new("RGB", (gap + len(columns) * (widest + gap), tops[-1]), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for column, (label, images) in enumerate(columns.items()):
        left = gap + column * (widest + gap)
        draw.text((left + widest / 2, header / 2), label, fill="black", font=font, anchor="mm")
        for image, size, top in zip(images, sizes, tops[:-1], strict=True):
            sheet.paste(Image.fromarray(image).resize(size, Image.Resampling.NEAREST), (left, top))
    return np.asarray(sheet)
