"""A trained generator: parameters that know their own architecture, saved in and loaded from checkpoints."""

from pathlib import Path
from typing import Any

import flax.linen as nn
from absl import logging
from flax import struct

from srn_jax.errors import InputError, brief, innermost, pick
from srn_jax.generators.arrays import read_arrays
from srn_jax.generators.seal import check_seal
from srn_jax.geometry import AROUND, BETWEEN, MARGINS, Size
from srn_jax.models.generators import GENERATORS
from srn_jax.models.layers import attributes, parameter_shapes
from srn_jax.programs import files

# A checkpoint is a folder of items; inference needs these two of them.
PARAMETERS = "generator"
ARCHITECTURE = "architecture"
_NEEDED = (PARAMETERS, ARCHITECTURE)  # of a checkpoint, for inference
_MOST_SIDE = 2**16  # pixels
_BOXED = Path(__file__).parent / "weights"
DEFAULT = "scenes"  # what programs take where no model is named
DEFAULT_BETWEEN = "between"  # and where two pictures are to be joined
# What each model in the box that paints around one picture learned from.
KINDS = {
    "scenes": "ordinary photographs: landscapes, water, streets, gardens, buildings",
    "birds": "heads of Canada geese",
    "garments": "single garments, laid out, hung or worn",
}


class Generator(struct.PyTreeNode):
    """A pytree of a generator's parameters; what they belong to is static and travels along.

    Attributes:
      params: the module's parameter tree.
      model: the Linen module, `SRN(...)`, `CA(...)`, or another of `models.generators`.
      known, canvas: the (height, width) in pixels that it was trained at.
      margins: how the known window lay on the canvas at training, a name in `geometry.MARGINS`.
    """

    params: Any
    model: nn.Module = struct.field(pytree_node=False)
    known: Size = struct.field(pytree_node=False)
    canvas: Size = struct.field(pytree_node=False)
    margins: str = struct.field(pytree_node=False)


def architecture(generator: Generator) -> dict[str, Any]:
    """Returns all of `generator` but its parameters, as JSON can hold it; `from_architecture` is its inverse."""
    name = next(name for name, module in GENERATORS.items() if type(generator.model) is module)
    return {
        "model": {"name": name, **attributes(generator.model)},
        "known": list(generator.known),
        "canvas": list(generator.canvas),
        "margins": generator.margins,
    }


def from_architecture(description: dict[str, Any]) -> Generator:
    """Returns the generator that `architecture` described, with the shapes of its parameters in their place."""
    fields: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in description["model"].items()
    }
    model = pick(GENERATORS, fields.pop("name"), "the checkpoint's model")(**fields)
    known, canvas, margins = (description[name] for name in ("known", "canvas", "margins"))
    for name, size in (("known", known), ("canvas", canvas)):
        if len(size) != 2 or any(type(side) is not int or not 0 < side <= _MOST_SIDE for side in size):
            raise ValueError(f"{name} is {brief(size)}; it takes (height, width), up to {_MOST_SIDE:,} pixels each")
    if any(small > large for small, large in zip(known, canvas, strict=True)) or known == canvas:
        raise ValueError(f"known is {known} and canvas {canvas}, which is no larger")
    if margins not in MARGINS:
        raise ValueError(f"margins are {brief(margins)}; they take one of {', '.join(MARGINS)}")
    if margins in BETWEEN and (known[1] % 8 or known[1] == canvas[1]):
        raise ValueError(f"known is {known}, whose halves cannot lie at the ends of {canvas}")
    return Generator(parameter_shapes(model), model, tuple(known), tuple(canvas), margins)


def load_generator(path: str | Path = DEFAULT) -> Generator:
    """Returns the generator of a run's newest checkpoint, of one checkpoint, or of those that come with the package.

    Args:
      path: a run's workdir, its `checkpoints` folder, or one checkpoint in it; or a name in `boxed()`, as "birds"
        (a folder of that name is "./birds"). By default the one for ordinary photographs.

    Raises:
      InputError: `path` is no path, its folder is missing, is no checkpoint, or has files that are missing or damaged.
    """
    if not isinstance(path, str | Path):
        raise InputError(f"path is {brief(path)}; it takes {loadable()}, as text or a pathlib.Path")
    folder = find_checkpoint(path, "the checkpoint", _NEEDED)
    missing = [item for item in _NEEDED if not (folder / item).is_dir()]
    if missing:
        raise InputError(f"checkpoint {folder} is incomplete: it lacks {' and '.join(missing)}")
    try:
        check_seal(folder, _NEEDED)
        description = _description(folder)
    except InputError as error:
        raise InputError(f"checkpoint {folder} cannot be read, files are missing or damaged: {error}") from error
    try:
        described = from_architecture(description)
        params = read_arrays(folder / PARAMETERS, described.params)
    except InputError:
        raise
    except Exception as error:  # tensorstore raises whatever the missing or broken file provokes
        raise InputError(
            f"checkpoint {folder} cannot be read, files are missing or damaged: {root_cause(error)}"
        ) from error
    return described.replace(params=params)


def boxed() -> dict[str, Path]:
    """Returns the checkpoints that come with the package, by name, the default first; docs/models/ has their cards."""
    folders = [folder for folder in _BOXED.iterdir() if folder.is_dir()] if _BOXED.is_dir() else []
    return {folder.name: folder for folder in sorted(folders, key=lambda one: (one.name != DEFAULT, one.name))}


def boxed_around() -> list[str]:
    """Returns the names of those in the box that paint around one picture."""
    return [name for name, folder in boxed().items() if _description(folder)["margins"] in AROUND]


def _description(folder: Path) -> dict[str, Any]:
    """Returns what a checkpoint says of its generator, as orbax writes it."""
    # Orbax itself takes longer to import than the whole checkpoint to read.
    return files.read_json(folder / ARCHITECTURE / "metadata")


def loadable() -> str:
    """Returns what `load_generator` takes, in words for a command line's help."""
    return f"a run's workdir, one checkpoint, or a model in the box ({', '.join(boxed())})"


def find_checkpoint(path: str | Path, setting: str, items: tuple[str, ...] = ("",)) -> Path:
    """Returns the checkpoint that `path`, the value of `setting`, names, or the newest whole one in it.

    A damaged one is named in a warning, and the one before is taken; if all are, it is the newest.

    Args:
      path: as `load_generator` takes it.
      items: the parts of a checkpoint that have to be whole; all, if nothing is said.

    Raises:
      InputError: there is none.
    """
    expanded = files.expand(path, setting)
    if str(path) in boxed():
        return boxed()[str(path)]
    path = expanded.absolute()
    if not path.is_dir():
        names = ", ".join(boxed())
        raise InputError(f"no checkpoint at {path}: there is no such folder, nor a model in the box ({names})")
    if (path / PARAMETERS).exists() or (path / ARCHITECTURE).exists():
        return path
    for folder in (path / "checkpoints", path):
        if folder.is_dir():
            steps = [child for child in folder.iterdir() if child.is_dir() and child.name.isdecimal()]
            if steps:
                steps.sort(key=lambda child: int(child.name), reverse=True)
                return next((step for step in steps if len(steps) == 1 or _is_whole(step, items)), steps[0])
    raise InputError(f"{path} is no checkpoint, and no workdir of a run: it holds no checkpoints/STEP")


def _is_whole(folder: Path, items: tuple[str, ...]) -> bool:
    try:
        check_seal(folder, items)
    except InputError as error:
        logging.warning("checkpoint %s is damaged, the one before is taken: %s", folder, error)
        return False
    return True


def root_cause(error: BaseException) -> str:
    """Returns the first line of the exception that was raised first."""
    lines = str(innermost(error)).strip().splitlines()
    return lines[0] if lines else type(innermost(error)).__name__
