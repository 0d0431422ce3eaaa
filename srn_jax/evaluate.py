"""Judging a generator on held-out crops, beside the fills that need no learning."""

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from srn_jax import metrics
from srn_jax.data.pipeline import HeldOut
from srn_jax.fills import FILLS
from srn_jax.generator import Generator
from srn_jax.infer import extrapolate

Images = UInt8[np.ndarray, "n h w 3"]
_EXACT_DB = 100.0
COLUMNS = ("psnr_unknown", "ssim_unknown", "psnr", "ssim")


def complete(generator: Generator, held_out: HeldOut, batch: int = 16) -> Images:
    """Returns the held-out crops as `extrapolate` completes them, `batch` at a time: one compilation."""
    count, completed = len(held_out.images), []
    size = min(batch, count)
    for start in range(0, count, size):
        chosen = np.arange(start, start + size).clip(max=count - 1)  # the last batch is padded with the last crop
        completed.append(extrapolate(generator, held_out.images[chosen], held_out.masks[chosen]))
    return np.concatenate(completed)[:count]


def fill(name: str, held_out: HeldOut) -> Images:
    """Returns the held-out crops completed by a fill named in `fills.FILLS`."""
    return np.stack([FILLS[name](image, mask) for image, mask in zip(held_out.images, held_out.masks, strict=True)])


def mean_scores(completed: Images, held_out: HeldOut) -> dict[str, float]:
    """Returns the means over the crops of `metrics.scores`, on 8-bit pictures.

    A crop that is met exactly counts as 100 dB; one whose unknown region is too thin for SSIM does not count there.
    """
    rows = [
        metrics.scores(np.float32(made) / 255, np.float32(truth) / 255, mask)
        for made, truth, mask in zip(completed, held_out.images, held_out.masks, strict=True)
    ]
    return {name: float(np.nanmean([np.minimum(row[name], _EXACT_DB) for row in rows])) for name in COLUMNS}


def format_table(scores: dict[str, dict[str, float]]) -> str:
    """Returns scores by system as a Markdown table; PSNR in dB, the higher the better everywhere."""
    lines = [
        "| system | PSNR unknown (dB) | SSIM unknown | PSNR canvas (dB) | SSIM canvas |",
        "|---|---|---|---|---|",
    ]
    for system, row in scores.items():
        cells = [f"{row[name]:.2f}" if name.startswith("psnr") else f"{row[name]:.3f}" for name in COLUMNS]
        lines.append(f"| {system} | {' | '.join(cells)} |")
    return "\n".join(lines)


def known_on_grey(held_out: HeldOut) -> Images:
    """Returns the crops with their unknown region in grey."""
    return np.where(held_out.masks > 0.5, np.uint8(128), held_out.images)


def strips(completed: Images, held_out: HeldOut) -> UInt8[np.ndarray, "n h w3 3"]:
    """Returns known | extrapolated | truth side by side, [n, h, 3w, 3]."""
    return np.concatenate([known_on_grey(held_out), completed, held_out.images], axis=2)


def contact_sheet(columns: dict[str, Images], tile: int = 128) -> UInt8[np.ndarray, "h w 3"]:
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
