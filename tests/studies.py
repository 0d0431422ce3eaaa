"""A study of small pictures, and what tests of it share."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from srn_jax.study import __main__ as program
from srn_jax.study import materials
from srn_jax.study.answers import Answers
from tests.programs import ended

METHODS = ["secretly_ours", "secretly_theirs", "real"]
SIZE, KNOWN = (24, 36), (slice(4, 20), slice(10, 30))


def write_sets(folder: Path, methods: list[str], count: int = 5, size: tuple[int, int] = SIZE) -> dict[str, Path]:
    """Writes sets of completed pictures whose known part is the same, and of the known parts alone, by name."""
    rng = np.random.default_rng(0)
    for number in range(count):
        known = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        for method in methods:
            canvas = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
            if method == "real":
                canvas //= 64  # few levels, which take fewer bytes
            canvas[KNOWN] = known[KNOWN]
            write(folder / method / f"picture_{number}.png", canvas)
        write(folder / "known" / f"picture_{number}.png", known[KNOWN])
        mask = np.full((*size, 3), 255, np.uint8)
        mask[KNOWN] = 0
        write(folder / "masks" / f"picture_{number}.png", mask)
    return {name: folder / name for name in (*methods, "known", "masks")}


def write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def read(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def of_sets(folders: dict[str, Path], methods: list[str]) -> list[str]:
    return [word for name in methods for word in ("--set", f"{name}={folders[name]}")]


def run(capsys, *arguments: object) -> tuple[object, str, str]:
    """Returns status, standard output and standard error of the program."""
    return ended(program.main, capsys, *arguments)


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    return write_sets(tmp_path_factory.mktemp("sets"), METHODS)


@pytest.fixture
def study(folders, tmp_path) -> Path:
    program.main(["make", *of_sets(folders, METHODS), "--pairs", "12", "--repeats", "3", "--output", f"{tmp_path}/s"])
    return tmp_path / "s"


@pytest.fixture
def kept(study) -> Iterator[Answers]:
    with closing(Answers(study / materials.ANSWERS, materials.read_key(study).questionnaire)) as one:
        yield one


def rows(study: Path) -> list[tuple[Any, ...]]:
    """Returns the answers as another process would read them."""
    with closing(sqlite3.connect(study / materials.ANSWERS)) as connection:
        return connection.execute("SELECT participant, number, side FROM answers ORDER BY 1, 2").fetchall()
