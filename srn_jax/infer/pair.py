"""Two photographs from their files, joined, into one file."""

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np
from absl import logging
from jaxtyping import UInt8
from PIL import Image
from tqdm import tqdm

from srn_jax.detail import LEAST_SIDE
from srn_jax.errors import InputError
from srn_jax.generators.generator import Generator
from srn_jax.infer.joining import JoinPlan, join, join_levels, plan_join, scaled
from srn_jax.pictures.colors import in_srgb
from srn_jax.pictures.metadata import COLOR_CHUNKS
from srn_jax.pictures.photo import Photo, check_output, read_photo, write_photo
from srn_jax.pictures.written import FORMATS
from srn_jax.programs import files

BAR = "painting {percentage:3.0f}%|{bar}| {elapsed}, {remaining} left"


def run_pair(generator: Generator, options: argparse.Namespace) -> str:
    """Joins the pictures that the command line names, writes the result, and returns in words what was made.

    Raises:
      InputError: one is no picture, the output exists or cannot hold the canvas, or the model is not for two pictures.
    """
    sources = [_file(f"--{name}", getattr(options, name)) for name in ("input", "input2")]
    target = files.expand(options.output, "--output")
    if target.is_dir() or target.suffix.lower() not in FORMATS:
        kind = f"the folder {target}" if target.is_dir() else repr(options.output)
        raise InputError(f"--output is {kind}; with --input2 it takes a file that ends in {', '.join(FORMATS)}")
    if os.path.realpath(target) in map(os.path.realpath, sources):
        raise InputError(f"--output would replace the input {target}")
    there = target.exists()
    if there and not options.force:
        raise InputError(f"{target} exists; --force replaces it")
    photos = _of_one_profile([read_photo(source) for source in sources], sources)
    pixels = [photo.pixels for photo in photos]
    planned = plan_join(generator, pixels[0].shape[:2], pixels[1].shape[:2], options.gap)
    check_output(target, planned.size)
    detail = options.detail == "on"
    levels = [level for level in join_levels(planned) if level] if detail else []
    with tqdm(bar_format=BAR, disable=not levels) as progress:

        def tell(done: int, of: int) -> None:
            progress.total = of
            progress.update(done - progress.n)

        seed, feather = options.seed, options.feather
        canvas = join(
            generator, pixels[0], pixels[1], options.gap, feather=feather, detail=detail, seed=seed, progress=tell
        )
    write_photo(target, canvas, _joined(photos, canvas, planned), (0, 0), replace=options.force or there)
    return f"wrote {target}, {_in_words(pixels, planned, levels, detail)}"


def _file(option: str, given: str) -> Path:
    path = files.expand(given, option)
    if path.is_dir():
        raise InputError(f"{option} is the folder {path}; --input and --input2 take one picture each")
    if not path.is_file():
        raise InputError(f"{option} is {str(path)!r}, which is no file")
    return path


def _of_one_profile(photos: list[Photo], sources: list[Path]) -> list[Photo]:
    """Returns the photographs in colors of one profile: where theirs differ, sRGB."""
    if photos[0].profile == photos[1].profile:
        return photos
    found = []
    for photo, source in zip(photos, sources, strict=True):
        if photo.profile is None:
            found.append(photo)
            continue
        logging.warning("%s: its colours become sRGB, since the other picture has another profile", source)
        pixels = np.asarray(in_srgb(Image.fromarray(photo.pixels), photo.profile))
        clear = photo.transparent
        if clear is not None:
            colors = np.asarray(in_srgb(Image.fromarray(clear[..., :3].copy()), photo.profile))
            clear = np.concatenate([colors, clear[..., 3:]], axis=-1)
        found.append(photo._replace(pixels=pixels, transparent=clear, profile=None))
    return found


def _joined(photos: list[Photo], canvas: UInt8[np.ndarray, "h w 3"], planned: JoinPlan) -> Photo:
    """Returns the canvas with what holds of both photographs: profile, color chunks, transparency."""
    chunks = [one for one in photos[0].chunks if one[0] in COLOR_CHUNKS and one in photos[1].chunks]
    clear = None
    if any(photo.transparent is not None for photo in photos):
        clear = np.concatenate([canvas, np.full_like(canvas[..., :1], 255)], axis=-1)
        for photo, size, left in zip(photos, planned.sizes, (0, canvas.shape[1] - planned.sizes[1][1]), strict=True):
            if photo.transparent is not None:
                clear[:, left : left + size[1]] = scaled(photo.transparent, size)
    return Photo(canvas, clear, photos[0].profile, chunks=tuple(chunks))


def _in_words(pixels: list[np.ndarray], planned: JoinPlan, levels: list[Any], detail: bool) -> str:
    told = []
    for one, (height, width) in zip(pixels, planned.sizes, strict=True):
        was = f"{one.shape[1]}x{one.shape[0]}"
        told.append(was if one.shape[:2] == (height, width) else f"{was} scaled to {width}x{height}")
    height, width = planned.size
    scale = f"{planned.scaled[1]}x{planned.scaled[0]}"
    texture = ""
    if detail:
        too_small = f", without detail: it takes {LEAST_SIDE} pixels on each side"
        texture = {0: too_small, 1: ", detail from the larger picture", 2: ", detail from both pictures"}[len(levels)]
        coarsest = max((level.levels[-1].halvings for level in levels), default=0)
        if coarsest:
            texture += f" at 1/{2**coarsest} of their resolution, enlarged: so much is painted"
    return (
        f"{' and '.join(told)}, {planned.gap} apart -> {width}x{height} (width x height), 1 pass, painted with the gap "
        f"at the model's scale, {scale}{texture}"
    )
