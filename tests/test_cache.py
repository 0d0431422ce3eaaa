"""Compiled programs kept between starts."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from srn_jax import cache

PROGRAM = """
import sys, jax, jax.numpy as jnp
from srn_jax import allocator, cache
allocator.keep_freed_memory()
cache.keep_programs(eval(sys.argv[1]))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.jit(lambda x: jnp.sin(x) @ x)(jnp.ones((8, 8)))
"""


def start(folder: str | None, home: Path, **more: str) -> str:
    """Runs a small program that keeps what it compiles; returns what it wrote to standard error."""
    environment = {name: value for name, value in os.environ.items() if "CACHE" not in name}
    environment |= {"XDG_CACHE_HOME": str(home), **more}
    command = [sys.executable, "-c", PROGRAM, repr(folder)]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stderr


def test_programs_are_kept_in_the_users_folder_or_where_it_is_said(tmp_path):
    start(None, tmp_path)
    assert any((tmp_path / "srn_jax" / "programs").iterdir())
    start(str(tmp_path / "other"), tmp_path)
    assert any((tmp_path / "other").iterdir())
    start(None, tmp_path / "unused", JAX_COMPILATION_CACHE_DIR=str(tmp_path / "jax"))
    assert any((tmp_path / "jax").iterdir())
    start("", tmp_path / "unused")
    assert not (tmp_path / "unused").exists()


def test_a_folder_that_cannot_be_is_named_and_nothing_is_kept(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (str(tmp_path / "file" / "below"), "~nobody_of_that_name/below"):
        assert f"compiled programs are not kept in {folder}: " in start(folder, tmp_path / "unused")


def test_the_default_is_below_the_home_folder(monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache.default_folder() == Path.home() / ".cache" / "srn_jax" / "programs"


def told() -> str | None:
    return jax.config.jax_compilation_cache_dir  # pyright: ignore[reportAttributeAccessIssue]


def test_what_jax_was_told_goes_before_the_default(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    before = told()
    assert before  # the tests' own
    cache.keep_programs()
    assert told() == before
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["infer", "evaluate", "demo", "main", "export", "data", "vgg", "convert"])
def test_help_needs_no_home_folder(name):
    program = (
        "import pathlib, runpy, sys\n"
        "def none(*_): raise RuntimeError('Could not determine home directory.')\n"
        "pathlib.Path.home = none\n"
        f"sys.argv = ['{name}', '--help']\n"
        f"runpy.run_module('srn_jax.{name}', run_name='__main__')\n"
    )
    environment = {name: value for name, value in os.environ.items() if name not in ("HOME", "XDG_CACHE_HOME")}
    ended = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_folder_with_a_percent_sign_is_told_in_help():
    environment = os.environ | {"XDG_CACHE_HOME": "/tmp/100%s"}
    command = [sys.executable, "-m", "srn_jax.infer", "--help"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "/tmp/100%s/srn_jax/programs" in "".join(ended.stdout.split())


def test_without_a_home_folder_nothing_is_kept(monkeypatch):
    def none() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", none)
    assert cache.default_folder() is None
    before = told()
    cache.keep_programs()
    assert told() == before
