"""Sets of pictures that are completed already: a folder a method, of the same names in each."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image
from tqdm import tqdm

from srn_jax.data.photographs import spread
from srn_jax.errors import InputError
from srn_jax.evaluate.sheets import known_on_grey
from srn_jax.geometry import Size
from srn_jax.pictures.folders import list_pictures
from srn_jax.pictures.reading import decode
from srn_jax.study.materials import Completed

REAL = "real"  # the name of the photographs themselves
_GRAIN = 9  # pixels: what all sets have in common only in specks smaller than this, they have by chance
_Pixels = UInt8[np.ndarray, "_ _ 3"]


class Sets:
    """Completed pictures by name, in sets.

    Attributes:
      methods: the sets' names.
      names: of the pictures that all sets have, without their endings.
      left_out: those that some folder lacks, each with the setting of a folder that lacks it.
    """

    def __init__(self, folders: dict[str, str], known: str | None, masks: str | None, limit: int | None) -> None:
        """Finds the pictures, and reads none yet.

        Args:
          folders: of completed pictures, by the method's name.
          known, masks: folders of what is known of them, or None; at most one of the two.
          limit: takes so many of them, spread over all.

        Raises:
          InputError: there are fewer than two sets, or no name is in all folders.
        """
        self.methods = list(folders)
        if len(folders) < 2:
            raise InputError(f"a study takes two methods or more, and has {len(folders)}: {', '.join(folders)}")
        settings = {method: f"--set {method}" for method in folders}
        self._files = {method: _by_name(folder, settings[method]) for method, folder in folders.items()}
        self._known, self._masks = (
            _by_name(folder, setting) if folder is not None else None
            for folder, setting in ((known, "--known"), (masks, "--masks"))
        )
        extra = {"--known": self._known, "--masks": self._masks}
        all_files = {settings[method]: files for method, files in self._files.items()}
        all_files |= {setting: files for setting, files in extra.items() if files is not None}
        names = sorted(set().union(*self._files.values()))
        self.left_out = {
            name: next(setting for setting, files in all_files.items() if name not in files)
            for name in names
            if any(name not in files for files in all_files.values())
        }
        found = [name for name in names if name not in self.left_out]
        if not found:
            raise InputError(
                f"no picture's name is in all of {', '.join(all_files)}: {names[0]}, say, is not in "
                f"{self.left_out[names[0]]}"
            )
        self.names = [found[number] for number in spread(len(found), limit)]

    def __len__(self) -> int:
        return len(self.names)

    def read(self, name: str, longest: int) -> Completed:
        """Returns a picture, no longer than `longest` pixels; where sets differ in size, of the smallest's.

        Raises:
          InputError: a file cannot be read, the sets' canvases differ in their aspect, or nothing is known to be known.
        """
        read = {method: _read(files[name]) for method, files in self._files.items()}
        smallest = min((picture.size for picture in read.values()), key=lambda size: size[0] * size[1])
        for picture in read.values():
            if not _same_aspect(picture.size, smallest):
                sizes = ", ".join(f"{one.width}x{one.height} in {which}" for which, one in read.items())
                raise InputError(f"picture {name} has canvases of different aspects: {sizes}")
        scale = min(1.0, longest / max(smallest))
        width, height = (max(1, round(side * scale)) for side in smallest)
        arrays = {method: _resized(picture, (height, width)) for method, picture in read.items()}
        return Completed(name, self._known_part(name, arrays, scale), arrays)

    def pictures(self, longest: int) -> Iterator[Completed]:
        """Yields all of them, as `read`."""
        with tqdm(self.names, unit=" pictures") as names:
            for name in names:
                yield self.read(name, longest)

    def _known_part(self, name: str, arrays: dict[str, _Pixels], scale: float) -> _Pixels:
        some, *others = arrays.values()
        height, width = some.shape[:2]
        if self._known is not None:
            known = _read(self._known[name])
            part = min(scale, height / known.height, width / known.width)
            return _resized(known, (max(1, round(known.height * part)), max(1, round(known.width * part))))
        if self._masks is not None:
            mask = _read(self._masks[name]).convert("L").resize((width, height), Image.Resampling.NEAREST)
            unknown = np.asarray(mask) > 127
            if unknown.all() or not unknown.any():
                raise InputError(f"--masks {self._masks[name]} is all of one kind; it takes white where it is painted")
        else:
            unknown = ~_in_common(some, others)
            if unknown.all() or not unknown.any():
                raise InputError(
                    f"what is known of picture {name} cannot be told: the sets have "
                    f"{'nothing' if unknown.all() else 'all'} in common there; --known or --masks says it"
                )
        return known_on_grey(some, unknown[..., None].astype(np.float32))


def _by_name(folder: str, setting: str) -> dict[str, Path]:
    """Returns a folder's pictures by their paths in it, without endings."""
    pictures = list_pictures(folder, setting)
    root = Path(folder).expanduser()
    names = [str(picture.relative_to(root).with_suffix("")) for picture in pictures]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InputError(f"{setting} is {folder!r}, which holds {Counter(names)[twice[0]]} pictures named {twice[0]}")
    return dict(zip(names, pictures, strict=True))


def _read(path: Path) -> Image.Image:
    try:
        return decode(path)
    except Exception as error:  # Pillow's decoders raise whatever the broken bytes provoke
        why = getattr(error, "strerror", None) or error
        raise InputError(f"{path} is no picture that can be read ({why})") from error


def _same_aspect(size: tuple[int, int], smallest: tuple[int, int]) -> bool:
    """Returns whether a picture made as small as another is of its size, give or take a pixel."""
    scale = (smallest[0] / size[0] + smallest[1] / size[1]) / 2
    return all(abs(side * scale - small) <= 1 for side, small in zip(size, smallest, strict=True))


def _resized(picture: Image.Image, size: Size) -> _Pixels:
    return np.asarray(picture.resize((size[1], size[0]), Image.Resampling.LANCZOS))


def _in_common(some: _Pixels, others: list[_Pixels]) -> np.ndarray:
    """Returns where all pictures are the same: the largest connected part, without specks, [h, w]."""
    same = np.array([(some == other).all(axis=-1) for other in others]).all(axis=0)
    without_specks = cv2.morphologyEx(np.asarray(same, np.uint8), cv2.MORPH_OPEN, np.ones((_GRAIN, _GRAIN), np.uint8))
    _, labels, found, _ = cv2.connectedComponentsWithStats(without_specks)
    areas = found[1:, cv2.CC_STAT_AREA]
    return labels == 1 + areas.argmax() if len(areas) else np.zeros_like(same)
