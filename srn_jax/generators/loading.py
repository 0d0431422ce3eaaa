"""Finding a trained generator on disk, and loading it."""

from pathlib import Path

from absl import logging

from srn_jax.errors import InputError, brief, innermost
from srn_jax.generators.arrays import read_arrays
from srn_jax.generators.bundled import ARCHITECTURE, DEFAULT, bundled, description_of, loadable
from srn_jax.generators.generator import Generator, from_architecture
from srn_jax.generators.safetensors_file import SUFFIX, read
from srn_jax.generators.seal import check_seal
from srn_jax.programs import files

PARAMETERS = "generator"  # of a checkpoint's items, the averaged generator's arrays
_NEEDED = (PARAMETERS, ARCHITECTURE)  # of a checkpoint, for inference


def load_generator(path: str | Path = DEFAULT) -> Generator:
    """Returns the generator of a run's newest checkpoint, of one checkpoint, or of those that come with the package.

    Args:
      path: a run's workdir, its `checkpoints` folder, or one checkpoint in it; or the name of a bundled model, as
        "birds" (a folder of that name is "./birds"); or a file *.safetensors that `python -m srn_jax.export` wrote. By
        default "scenes", the one for ordinary photographs.

    Returns:
      Its parameters in float32, with the network and the geometry of its training.

    Raises:
      InputError: `path` is no path, nothing is there, it is no checkpoint, or it has files that are missing or damaged.
    """
    if not isinstance(path, str | Path):
        raise InputError(f"path is {brief(path)}; it takes {loadable()}, as text or a pathlib.Path")
    file = files.expand(path, "the checkpoint").absolute()
    if file.suffix == SUFFIX and not file.is_dir():
        return read(file)
    folder = find_checkpoint(path, "the checkpoint", _NEEDED)
    missing = [item for item in _NEEDED if not (folder / item).is_dir()]
    if missing:
        raise InputError(f"checkpoint {folder} is incomplete: it lacks {' and '.join(missing)}")
    try:
        check_seal(folder, _NEEDED)
        description = description_of(folder)
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
    if str(path) in bundled():
        return bundled()[str(path)]
    path = expanded.absolute()
    if not path.is_dir():
        names = ", ".join(bundled())
        raise InputError(f"no checkpoint at {path}: there is no such folder, nor a bundled model ({names})")
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
