"""Which way imports point: only downward, and `import srn_jax` stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import srn_jax

ROOT = Path(srn_jax.__file__).parent

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


def test_importing_the_package_is_light():
    heavy = (
        "grain",
        "optax",
        "orbax",
        "tensorflow",
        "tensorflow_datasets",
        "tensorboardX",
        "skimage",
        "clu",
        "cv2",
        "gradio",
    )
    script = f"import sys, srn_jax; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
