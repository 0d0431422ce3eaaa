"""Which way imports point: only downward, and `import srn_jax` stays light."""

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import srn_jax
from srn_jax.__main__ import PROGRAMS

ROOT = Path(srn_jax.__file__).parent
HEAVY = {
    *("jax", "flax", "optax", "orbax", "numpy", "scipy", "PIL", "absl", "tqdm", "gradio", "grain", "tensorflow"),
    *("tensorflow_datasets", "tensorboardX", "skimage", "clu", "cv2", "h5py", "ml_collections"),
}

# From the bottom up; a module may import from its own layer's package and from the layers before it.
LAYERS = (
    ("errors",),
    ("programs",),
    ("geometry",),
    ("config", "ops", "pictures"),
    ("detail",),
    ("convolution",),
    ("losses",),
    ("models",),
    ("generators",),
    ("infer", "data", "vgg"),
    ("evaluate",),
    ("train",),
    ("convert", "export"),
    ("demo", "study", "experiments"),
    ("main", "__main__"),
)
FORBIDDEN = {  # beyond the layers: rooms that must not know each other
    "losses": ("models", "config"),
    "models": ("losses", "config"),
    "detail": ("config",),
    "infer": ("data", "train", "losses"),
    "demo": ("data", "train", "losses", "evaluate"),
    "study": ("train", "losses"),
    "generators": ("data", "train", "losses"),
}


def layer_of(room: str) -> int:
    return next(number for number, rooms in enumerate(LAYERS) if room in rooms)


def imports_of(path: Path) -> set[str]:
    """Returns the rooms of srn_jax that a file imports."""
    rooms: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("srn_jax"):
            parts = node.module.split(".")
            rooms |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            rooms |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("srn_jax.")}
    return rooms


def test_every_import_points_downward():
    for path in ROOT.rglob("*.py"):
        room = path.relative_to(ROOT).parts[0].removesuffix(".py")
        if room == "__init__":
            continue
        for imported in imports_of(path):
            assert imported == room or layer_of(imported) < layer_of(room), f"{path} imports {imported}"
            assert imported not in FORBIDDEN.get(room, ()), f"{path} imports {imported}"


def loaded(script: str, *arguments: str) -> set[str]:
    """Returns the libraries that are imported by the end of a script, in a process of its own."""
    told = "import atexit, sys; atexit.register(lambda: print('\\nloaded', *sys.modules))\n"
    command = [sys.executable, "-c", told + script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT.parent)
    return {name.partition(".")[0] for name in done.stdout.rpartition("\nloaded ")[2].split()}


def test_importing_the_package_is_light():
    assert not loaded("import srn_jax; srn_jax.InputError, dir(srn_jax)") & HEAVY
    used = loaded("import srn_jax; srn_jax.expand, srn_jax.load_generator") & HEAVY
    assert used == {"jax", "flax", "numpy", "scipy", "absl", "PIL"}  # nothing of training


def test_help_is_told_before_anything_heavy_is_imported():
    # One process for all, as each would take most of a second to start when the others' tests run.
    script = """
import runpy
def end(status): raise SystemExit(status)
import os; os._exit = end  # a program's own end would be the end of all
for name in sys.argv[1:]:
    sys.argv = [name, "--help"]
    try:
        runpy.run_module(f"srn_jax.{name}", run_name="__main__")
    except SystemExit as ended:
        assert not ended.code, name
"""
    programs = sorted(PROGRAMS.keys() - {"main"})
    assert not loaded(script, *programs) & HEAVY
    assert loaded(script, "main") & HEAVY == {"absl", "ml_collections"}


def packages() -> list[str]:
    return sorted(".".join(("srn_jax", *path.parent.relative_to(ROOT).parts)) for path in ROOT.rglob("__init__.py"))


@pytest.mark.parametrize("name", packages())
def test_an_exported_name_never_hides_a_module(name):
    package = importlib.import_module(name)
    modules = {module.name for module in pkgutil.iter_modules(package.__path__)}
    for exported in getattr(package, "__all__", ()):
        value = getattr(package, exported)
        assert exported not in modules or value is importlib.import_module(f"{name}.{exported}")


def test_all_public_names_are_there():
    for name in srn_jax.__all__:
        assert getattr(srn_jax, name) is not None
    assert {"expand", "join", "extrapolate", "load_generator", "Generator"} <= set(dir(srn_jax))
    assert re.fullmatch(r"\d+\.\d+\.\d+", srn_jax.__version__)
    with pytest.raises(AttributeError, match="nonsense"):
        _ = srn_jax.nonsense  # pyright: ignore[reportAttributeAccessIssue]
