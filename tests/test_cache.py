"""Compiled programs kept between starts."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jax
import pytest

from srn_jax.__main__ import PROGRAMS
from srn_jax.programs import cache

PROGRAM = """
import jax, jax.numpy as jnp
from srn_jax.programs import allocator, cache
allocator.keep_freed_memory()
cache.keep_programs()
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.jit(lambda x: jnp.sin(x) @ x)(jnp.ones((8, 8)))
"""


def told() -> str | None:
    return jax.config.jax_compilation_cache_dir  # pyright: ignore[reportAttributeAccessIssue]


@pytest.fixture
def nothing_told() -> Iterator[None]:
    """JAX without a folder, as users have it; the tests' own comes back."""
    names = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
    before = {name: getattr(jax.config, name) for name in names}
    jax.config.update(names[0], None)
    yield
    for name, value in before.items():
        jax.config.update(name, value)


def test_programs_are_kept_in_the_users_folder(tmp_path):
    environment = {name: value for name, value in os.environ.items() if "CACHE" not in name}
    environment["XDG_CACHE_HOME"] = str(tmp_path)
    subprocess.run([sys.executable, "-c", PROGRAM], env=environment, check=True)
    assert any((tmp_path / "srn_jax" / "programs").iterdir())


def test_programs_are_kept_where_it_is_said(nothing_told, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "unused"))
    cache.keep_programs("")
    assert told() is None
    cache.keep_programs(str(tmp_path / "here"))
    assert told() == str(tmp_path / "here")
    assert (tmp_path / "here").is_dir()
    assert not (tmp_path / "unused").exists()


def test_a_folder_that_cannot_be_is_named_and_nothing_is_kept(nothing_told, tmp_path, caplog):
    (tmp_path / "file").write_text("")
    for folder in (str(tmp_path / "file" / "below"), "~nobody_of_that_name/below"):
        cache.keep_programs(folder)
        assert f"compiled programs are not kept in {folder}: " in caplog.text
        assert told() is None


def test_the_default_is_below_the_home_folder(monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache.default_folder() == Path.home() / ".cache" / "srn_jax" / "programs"


def test_what_jax_was_told_goes_before_the_default(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    before = told()
    assert before  # the tests' own
    cache.keep_programs()
    assert told() == before
    assert not list(tmp_path.iterdir())


def test_help_needs_no_home_folder():
    program = (
        "import os, pathlib, runpy, sys\n"
        "def none(*_): raise RuntimeError('Could not determine home directory.')\n"
        "pathlib.Path.home, os._exit = none, sys.exit\n"  # a program's own end would be the end of all
        "for name in sys.argv[1:]:\n"
        "    sys.argv = [name, '--help']\n"
        "    try:\n"
        "        runpy.run_module(f'srn_jax.{name}', run_name='__main__')\n"
        "    except SystemExit as end:\n"
        "        assert not end.code, name\n"
        "    print(f'{name} helped')\n"
    )
    environment = {name: value for name, value in os.environ.items() if name not in ("HOME", "XDG_CACHE_HOME")}
    command = [sys.executable, "-c", program, *PROGRAMS]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert [name for name in PROGRAMS if f"\n{name} helped\n" not in ended.stdout] == []


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
