"""Pictures side by side: strips for a training's log, labelled sheets for people."""

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont

Images = UInt8[np.ndarray, "n h w 3"]


def known_on_grey(images: Images, masks: Float[np.ndarray, "n h w 1"]) -> Images:
    """Returns the pictures with their unknown region in grey."""
    return np.where(masks > 0.5, np.uint8(128), images)


def strips(completed: Images, truth: Images, masks: Float[np.ndarray, "n h w 1"]) -> UInt8[np.ndarray, "n h w3 3"]:
    """Returns known | extrapolated | truth side by side, [n, h, 3w, 3]."""
    return np.concatenate([known_on_grey(truth, masks), completed, truth], axis=2)


def contact_sheet(columns: dict[str, Images], tile: int = 128) -> UInt8[np.ndarray, "sheet_h sheet_w 3"]:
    """Returns a labelled sheet, one row a picture and one column a system, tiles `tile` pixels high."""
    first = next(iter(columns.values()))
    height, width = first.shape[1:3]
    scale = max(1, round(tile / height))
    tile_size = (width * scale, height * scale)
    gap, header = 6, 24
    sheet = Image.new(
        "RGB",
        (gap + len(columns) * (tile_size[0] + gap), header + len(first) * (tile_size[1] + gap)),
        "white",
    )
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for column, (label, images) in enumerate(columns.items()):
        left = gap + column * (tile_size[0] + gap)
        draw.text((left + tile_size[0] / 2, header / 2), label, fill="black", font=font, anchor="mm")
        for row, image in enumerate(images):
            tile_image = Image.fromarray(image).resize(tile_size, Image.Resampling.NEAREST)
            sheet.paste(tile_image, (left, header + row * (tile_size[1] + gap)))
    return np.asarray(sheet)
