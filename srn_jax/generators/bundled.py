"""The bundled pretrained models: names, folders, and what each learned from; docs/models/ has their cards."""

from pathlib import Path
from typing import Any

from srn_jax.geometry.placement import AROUND
from srn_jax.programs import files

ARCHITECTURE = "architecture"  # of a checkpoint's items, the one that says what the generator is
DEFAULT = "scenes"  # what programs take where no model is named
DEFAULT_BETWEEN = "between"  # and where two pictures are to be joined
# What each bundled model that paints around one picture learned from.
KINDS = {
    "scenes": "ordinary photographs: landscapes, water, streets, gardens, buildings",
    "birds": "heads of Canada geese",
    "garments": "single garments, laid out, hung or worn",
}
_FOLDER = Path(__file__).parent / "weights"


def bundled() -> dict[str, Path]:
    """Returns the checkpoints that come with the package, by name, the default first; docs/models/ has their cards."""
    folders = [folder for folder in _FOLDER.iterdir() if folder.is_dir()] if _FOLDER.is_dir() else []
    return {folder.name: folder for folder in sorted(folders, key=lambda one: (one.name != DEFAULT, one.name))}


def bundled_around() -> list[str]:
    """Returns the names of the bundled ones that paint around one picture."""
    return [name for name, folder in bundled().items() if description_of(folder)["placement"] in AROUND]


def description_of(folder: Path) -> dict[str, Any]:
    """Returns what a checkpoint says of its generator, as orbax writes it."""
    # Orbax itself takes longer to import than the whole checkpoint to read.
    return files.read_json(folder / ARCHITECTURE / "metadata")


def loadable() -> str:
    """Returns what `load_generator` takes, in words for a command line's help."""
    return f"a run's workdir, one checkpoint, or a bundled model ({', '.join(bundled())}); or a file *.safetensors"
