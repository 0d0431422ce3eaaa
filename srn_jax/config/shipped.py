"""The configuration files that come with the package, in a clone's configs/, in a wheel beside this package's rooms."""

import sys
from pathlib import Path

from srn_jax.errors import InputError

_PACKAGE = Path(__file__).parents[1]
_FOLDERS = (_PACKAGE / "configs", _PACKAGE.parent / "configs")  # of a wheel, and of a clone
_RENAMED = {"boxed": "bundled"}


def shipped() -> dict[str, Path]:
    """Returns the configuration files that come with the package, by name."""
    folder = next((folder for folder in _FOLDERS if folder.is_dir()), _FOLDERS[0])
    return {file.stem: file for file in sorted(folder.glob("*.py"))}


def find(path: str) -> Path:
    """Returns the configuration file at `path`; where none is there, the one that comes with the package.

    That one goes by its name: "quickstart", "quickstart.py" and "configs/quickstart.py" are the same.

    Raises:
      InputError: there is neither; it lists those that there are.
    """
    if Path(path).is_file():
        return Path(path)
    there, name = shipped(), path.removeprefix("configs/").removesuffix(".py")
    if name in _RENAMED:
        print(f"note: the configuration {name} is now called {_RENAMED[name]}", file=sys.stderr)
    file = there.get(_RENAMED.get(name, name))
    if file is None:
        beside = sorted(Path(path).parent.glob("*.py")) if "/" in path else []
        raise InputError(
            f"--config names {path!r}, which is no file; there are: {', '.join(map(str, beside or there))}"
        )
    return file
