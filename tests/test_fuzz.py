"""Damaged pictures of every format through every program: an output of the right size, or a line with the name."""

import io
import json
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from srn_jax import SRN
from srn_jax import config as settings
from srn_jax.evaluate import __main__ as evaluate
from srn_jax.infer import __main__ as infer
from srn_jax.pictures.photo import read_photo
from srn_jax.train import loop
from tests import tiny
from tests.test_generator import save, tiny_generator

pytestmark = pytest.mark.slow
FILES = 300
SECONDS = 600  # for all of them, in each program
SEED = 18

PIXELS = np.random.default_rng(SEED).integers(0, 256, (26, 34, 4), dtype=np.uint8)
RGB, RGBA, GREY = (Image.fromarray(PIXELS[..., :n].squeeze()) for n in (3, 4, 1))
DEEP = Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 257)
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
EXIF = Image.Exif()
EXIF[0x0112], EXIF[0x013B] = 6, "someone"

NAMES = {"jpg": "JPEG", "tif": "TIFF", "jp2": "JPEG2000", "pgm": "PPM"}  # Pillow's, where the ending is none
# Of each format: pictures, and how they are written.
FORMATS: dict[str, list[tuple[Image.Image, dict[str, Any]]]] = {
    "png": [(RGB, {"exif": EXIF, "icc_profile": ICC}), (RGBA, {}), (RGB.convert("P"), {"transparency": 3}), (DEEP, {})],
    "jpg": [
        (RGB, {"exif": EXIF, "icc_profile": ICC}),
        (GREY, {}),
        (RGB.convert("CMYK"), {}),
        (RGB, {"progressive": 1}),
    ],
    "webp": [(RGB, {"exif": EXIF, "icc_profile": ICC}), (RGBA, {"lossless": True})],
    "tif": [(RGB, {"exif": EXIF}), (RGBA, {"compression": "tiff_lzw"}), (DEEP, {}), (RGB, {"compression": "jpeg"})],
    "avif": [(RGB, {"exif": EXIF, "icc_profile": ICC}), (RGBA, {})],
    "jp2": [(RGB, {}), (RGBA, {}), (DEEP, {})],
    "gif": [(RGB, {}), (GREY, {"transparency": 5})],
    "bmp": [(RGB, {}), (GREY, {})],
    "ppm": [(RGB, {})],
    "pgm": [(GREY, {}), (DEEP, {})],
}


def cut(raw: bytearray, chance: random.Random) -> bytes:
    return bytes(raw[: chance.randrange(len(raw))])


def flipped(raw: bytearray, chance: random.Random) -> bytes:
    for _ in range(chance.randint(1, 12)):
        raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
    return bytes(raw)


def flipped_at_the_start(raw: bytearray, chance: random.Random) -> bytes:
    """Sizes, modes, offsets, profiles and EXIF stand there."""
    for _ in range(chance.randint(1, 4)):
        raw[chance.randrange(min(len(raw), 400))] = chance.randrange(256)
    return bytes(raw)


def with_a_hole(raw: bytearray, chance: random.Random) -> bytes:
    start = chance.randrange(len(raw))
    return bytes(raw[:start] + raw[start + chance.randint(1, 64) :])


def with_more(raw: bytearray, chance: random.Random) -> bytes:
    start = chance.randrange(len(raw))
    return bytes(raw[:start]) + chance.randbytes(chance.randint(1, 64)) + bytes(raw[start:])


DAMAGES: list[Callable[[bytearray, random.Random], bytes]] = [
    cut,
    flipped,
    flipped_at_the_start,
    with_a_hole,
    with_more,
]


@pytest.fixture(scope="module")
def damaged(tmp_path_factory) -> Path:
    """A folder of damaged pictures, from a fixed seed, and of a whole one."""
    folder, chance = tmp_path_factory.mktemp("damaged"), random.Random(SEED)
    kinds = [(ending, picture, options) for ending, kinds in FORMATS.items() for picture, options in kinds]
    for number in range(FILES):
        ending, picture, options = kinds[number % len(kinds)]
        with io.BytesIO() as file:
            picture.save(file, NAMES.get(ending, ending), **options)
            raw = bytearray(file.getvalue())
        (folder / f"{number:03d}.{ending}").write_bytes(chance.choice(DAMAGES)(raw, chance))
    RGB.save(folder / "whole.png")
    return folder


@pytest.fixture(scope="module")
def workdir(tmp_path_factory) -> Path:
    return save(tmp_path_factory.mktemp("run"), tiny_generator(SRN((2, 2), width=4), (8, 12), (16, 24)), 1)


@contextmanager
def limited() -> Iterator[None]:
    """Fails where what is within takes too long."""

    def end(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"more than {SECONDS} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def test_infer_paints_or_names_each(damaged, workdir, tmp_path, capsys):
    given = [
        "--checkpoint",
        str(workdir),
        "--input",
        str(damaged),
        "--output",
        str(tmp_path / "out"),
        "--detail",
        "off",
    ]
    with limited():
        assert infer.main([*given, "--left", "3", "--right", "5"]) in (0, 1)
    out, err = capsys.readouterr()
    lines = err.replace("\r", "\n").splitlines()
    skipped = {line.split(":")[0].removeprefix("skipped ") for line in lines if line.startswith("skipped ")}
    painted = 0
    for file in damaged.iterdir():
        made = tmp_path / "out" / f"{file.stem}.png"
        assert made.exists() != (str(file) in skipped), file.name
        if made.exists():
            painted += 1
            height, width = read_photo(file).pixels.shape[:2]
            with Image.open(made) as canvas:
                canvas.load()
                assert canvas.size == (width + 8, height), file.name
    assert 40 < painted < FILES - 40  # else the damage is too much, or too little
    assert f"wrote {painted} of {FILES + 1} pictures to " in out
    assert "Traceback" not in err
    assert sorted(path.suffix for path in (tmp_path / "out").iterdir()) == [".json", *[".png"] * painted]


def test_evaluate_scores_or_names_each(damaged, workdir, tmp_path, capsys):
    output = tmp_path / "out"
    with limited():
        evaluate.main(
            ["--checkpoint", str(workdir), "--data", str(damaged), "--output", str(output), "--detail", "off"]
        )
    found = json.loads((output / "summary.json").read_text())
    assert found["pictures"] + len(found["skipped"]) == FILES + 1
    assert found["pictures"] > 40
    assert "Traceback" not in capsys.readouterr().err


def test_training_takes_a_step_of_what_can_be_read(damaged, tmp_path):
    config = tiny.config(data__source="folder", data__path=str(damaged), data__held_out=1, run__max_unreadable=FILES)
    config.reconstruction.steps, config.adversarial.steps, config.data.batch = 2, 0, 64
    with limited():
        outcome = loop.train(settings.resolve(config), tmp_path / "run")
    assert outcome.checkpoint == tmp_path / "run" / "checkpoints" / "2"
