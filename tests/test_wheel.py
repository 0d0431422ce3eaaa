"""The wheel and the source distribution: what is in them, and that the wheel alone, installed elsewhere, is enough."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.programs import PLAIN_FLAGS, ROOT, environment
from tests.test_shipping import copied

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
_NEW_IN_SDIST = re.compile(r"PKG-INFO|setup\.cfg|srn_jax\.egg-info/.*")


def test_every_package_is_listed():
    listed = PROJECT["tool"]["setuptools"]["packages"]
    there = [".".join(file.parent.relative_to(ROOT).parts) for file in ROOT.glob("srn_jax/**/__init__.py")]
    assert listed == sorted([*there, *PROJECT["tool"]["setuptools"]["package-dir"]])


def execute(*command: object, folder: Path, given: dict[str, str] | None = None) -> str:
    """Runs a command that must succeed; returns what it printed."""
    done = subprocess.run(
        list(map(str, command)), cwd=folder, env=given, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build(source: Path, target: Path, *what: str) -> None:
    execute(sys.executable, "-m", "build", "--no-isolation", *what, "--outdir", target, source, folder=source)


def tracked() -> list[str]:
    """Returns the paths of the clone that git has."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no clone")
    return sorted(subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines())


def contents(wheel: Path) -> dict[str, int]:
    """Returns the files of a wheel, each with its checksum, but for the list of them, whose order differs."""
    with zipfile.ZipFile(wheel) as archive:
        return {file.filename: file.CRC for file in archive.infolist() if not file.filename.endswith("/RECORD")}


@pytest.fixture(scope="module")
def distributions(tmp_path_factory) -> tuple[Path, Path]:
    """The wheel and the source distribution, made from a copy, in which making them leaves its files."""
    folder = tmp_path_factory.mktemp("made")
    for path in tracked():
        (folder / "tree" / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, folder / "tree" / path)
    build(folder / "tree", folder, "--wheel", "--sdist")
    (wheel,), (source,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, source


@pytest.mark.slow
def test_the_source_distribution_is_the_tree_and_gives_the_same_wheel(distributions, tmp_path):
    wheel, source = distributions
    with tarfile.open(source) as archive:
        archive.extractall(tmp_path, filter="data")
    (tree,) = tmp_path.iterdir()
    there = sorted(str(file.relative_to(tree)) for file in tree.rglob("*") if file.is_file())
    assert [path for path in there if not _NEW_IN_SDIST.fullmatch(path)] == tracked()
    build(tree, tmp_path, "--wheel")
    assert contents(tmp_path / wheel.name) == contents(wheel)


@pytest.mark.slow
def test_what_a_container_copies_gives_the_same_wheel(distributions, tmp_path):
    wheel, _ = distributions
    for path in tracked():
        if any(path == part or path.startswith(f"{part}/") for part in copied()):
            (tmp_path / "tree" / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, tmp_path / "tree" / path)
    build(tmp_path / "tree", tmp_path, "--wheel")
    assert contents(tmp_path / wheel.name) == contents(wheel)


@pytest.mark.slow
def test_the_wheel_has_all_of_the_package_and_configs_and_nothing_else(distributions):
    there = {name for name in contents(distributions[0]) if ".dist-info/" not in name}
    expected = [path for path in tracked() if path.startswith(("srn_jax/", "configs/"))]
    assert there == {f"srn_jax/{path}" if path.startswith("configs/") else path for path in expected}
    assert {"srn_jax/py.typed", "srn_jax/configs/quickstart.py", "srn_jax/study/page/page.html"} <= there


@pytest.fixture(scope="module")
def run(distributions, tmp_path_factory) -> Callable[..., str]:
    """Runs a command of an environment that has the wheel, and for the rest this environment's libraries."""
    folder = tmp_path_factory.mktemp("elsewhere")
    execute(sys.executable, "-m", "venv", "--without-pip", folder / "venv", folder=folder)
    (own,) = folder.glob("venv/lib/python*/site-packages")
    python = folder / "venv" / "bin" / "python"
    inside = environment() | {"PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}
    inside = {name: value for name, value in inside.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index", "--no-deps"]
    execute(*pip, distributions[0], folder=folder, given=inside)
    # Its own folder goes first; an editable installation is not followed, since .pth files in these are not read.
    libraries = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    (own / "libraries.pth").write_text("\n".join(libraries) + "\n")
    (folder / "photographs").mkdir()
    Image.effect_noise((60, 40), 60).convert("RGB").save(folder / "photographs" / "photo.jpg")
    return lambda *command: execute(python.parent / command[0], *command[1:], folder=folder, given=inside)


@pytest.mark.slow
def test_the_wheel_alone_is_what_is_imported(run):
    code = "import srn_jax; from pathlib import Path; print(Path(srn_jax.__file__).parent)"
    package = Path(run("python", "-c", code).strip())
    assert (package.parent.name, package.parents[3].name) == ("site-packages", "venv")
    assert (package / "py.typed").exists()
    assert not (package.parent / "configs").exists()


@pytest.mark.slow
def test_the_command_works_from_the_wheel_in_any_folder(run):
    assert run("srn-jax", "--version") == f"srn_jax {PROJECT['project']['version']}\n"
    assert "\n  infer " in run("srn-jax", "--help")
    given = ["--input", "photographs/photo.jpg", "--output", "wide.png", "--left", "20", "--detail", "off"]
    assert "60x40 -> 80x40" in run("srn-jax", "infer", *given)
    assert run("python", "-c", "from PIL import Image; print(Image.open('wide.png').size)") == "(80, 40)\n"


@pytest.mark.slow
def test_configurations_come_with_the_wheel(run):
    assert "15 training pictures" in run("srn-jax", "train", "--config=quickstart", "--dry_run")


@pytest.mark.slow
def test_readers_of_their_own_start_under_the_command(run):
    few = [f"--config.{name}" for name in ("reconstruction.steps=2", "reconstruction.warmup_steps=0")]
    few += ["--config.adversarial.steps=0", "--config.model.width=4", "--config.data.held_out_crops=1", *PLAIN_FLAGS]
    said = run("srn-jax", "train", "--config=configs/quickstart.py", *few, "--config.data.workers=1", "--workdir=run")
    assert "| mean fill |" in said
