"""`python -m srn_jax.infer` called in a folder of its own, and what tests of it share."""

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from srn_jax import SRN, SRNHR, load_generator
from srn_jax.infer import program
from srn_jax.infer.__main__ import main
from tests.programs import ended
from tests.test_generator import save, tiny_generator

KNOWN, CANVAS = (8, 12), (16, 24)
Run = Callable[..., tuple[object, str, str]]
loaded = functools.cache(load_generator)  # reading a checkpoint takes longer than all else


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[str, Path]:
    """Workdirs of runs of SRN with two placements, and of SRN-HR."""
    srn = tiny_generator(SRN((2, 2), width=4), KNOWN, CANVAS)
    hr = tiny_generator(SRNHR(width=4), KNOWN, CANVAS, "center")
    made = {"random": srn, "top": srn.replace(placement="top"), "hr": hr}
    return {name: save(tmp_path_factory.mktemp(name), generator, 1) for name, generator in made.items()}


@pytest.fixture
def run(runs, tmp_path, monkeypatch, capsys) -> Run:
    """Runs the program in an empty folder; returns status, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(program, "load_generator", loaded)

    def call(*arguments: object, checkpoint: str = "random") -> tuple[object, str, str]:
        return ended(main, capsys, "--checkpoint", runs.get(checkpoint, checkpoint), *arguments)

    return call


def refused(outcome: tuple[object, str, str]) -> str:
    """Returns the one line that a run ended with; asserts that there is no more."""
    status, out, err = outcome
    assert status not in (0, None)
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    return err.strip()


def noise(seed: int = 0, size: tuple[int, int] = KNOWN) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def write(path: str, pixels: np.ndarray | None = None, **options: object) -> np.ndarray:
    """Writes a picture, by default noise, and returns its pixels."""
    pixels = noise(sum(path.encode())) if pixels is None else pixels
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)  # pyright: ignore[reportArgumentType]
    return pixels


def read(path: str | Path) -> np.ndarray:
    with Image.open(path) as picture:
        assert (picture.format, picture.mode) == ("PNG", "RGB")
        return np.array(picture)


def files(folder: str = ".") -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in Path(folder).rglob("*") if file.is_file())


def places(canvas: np.ndarray, picture: np.ndarray) -> list[tuple[int, int]]:
    """Returns each (top, left) at which the canvas holds the picture."""
    height, width = picture.shape[:2]
    windows = np.lib.stride_tricks.sliding_window_view(canvas, picture.shape)[:, :, 0]
    assert windows.shape[:2] == (canvas.shape[0] - height + 1, canvas.shape[1] - width + 1)
    return [(int(top), int(left)) for top, left in np.argwhere((windows == picture).all(axis=(2, 3, 4)))]
