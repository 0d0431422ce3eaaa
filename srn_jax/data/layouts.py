"""Data sets that are fetched by hand and lie in files: what each holds, where, and what is missing of it."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from absl import logging

from srn_jax.config import Data
from srn_jax.data.photographs import Files, Split, left_to_train
from srn_jax.errors import InputError
from srn_jax.pictures.folders import list_pictures
from srn_jax.programs.files import expand


@dataclass
class Contents:
    """What lies in a folder.

    Attributes:
      parts: the pictures of each part, in a fixed order.
      missing: parts, and what of them would have to be there, in words.
    """

    parts: dict[str, list[Path]] = field(default_factory=dict)
    missing: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class FolderLayout:
    """One data set.

    Attributes:
      title: its name.
      holds: what its folder holds, in words.
      published: how many pictures each part has, as its authors say.
      training: the part that is trained on.
      held_out: the parts that are held out; none = the last `data.held_out` by name of the part that is trained on.
      find: looks for the parts in the data set's folder.
    """

    title: str
    holds: str
    published: dict[str, int]
    training: str
    held_out: tuple[str, ...]
    find: Callable[[Path], Contents]


def survey(layout: FolderLayout, path: str, setting: str) -> Contents:
    """Returns what lies in the folder `path` of a data set; `setting` names where the user gave it.

    Raises:
      InputError: no such folder.
    """
    root = expand(path, setting)
    if not root.is_dir():
        raise InputError(f"{setting} is {path!r}, which is no folder; {layout.title} takes {layout.holds}")
    return layout.find(root)


def check_whole(layout: FolderLayout, found: Contents, parts: Sequence[str], path: str, setting: str) -> None:
    """Raises InputError, which names all that is missing of `parts`."""
    missing = [words for part, words in found.missing if part in parts]
    if missing:
        raise InputError(
            f"{setting} is {path!r}, where {layout.title} lacks {'; '.join(missing)}; it takes {layout.holds}"
        )


def differences(layout: FolderLayout, found: Contents) -> list[str]:
    """Returns, in words, the parts whose numbers of pictures are not those that were published."""
    return [
        f"{len(found.parts[part]):,} pictures in {part}, {count:,} were published"
        for part, count in layout.published.items()
        if part in found.parts and len(found.parts[part]) != count
    ]


def read(layout: FolderLayout, data: Data) -> Split:
    """Returns the pictures of a data set in `data.path`; `data.held_out_path` replaces what it would hold out.

    Other numbers of pictures than the published ones are only warned of: people keep parts of a data set.

    Raises:
      InputError: something is missing (all of it is named), nothing is left to train on or to hold out, or a picture
        is in both.
    """
    found = survey(layout, data.path, "data.path")
    needed = (layout.training, *(() if data.held_out_path else layout.held_out))
    check_whole(layout, found, needed, data.path, "data.path")
    for difference in differences(layout, found):
        logging.warning("%s in %s: %s", layout.title, data.path, difference)
    training = found.parts[layout.training]
    if data.held_out_path:
        held_out = list_pictures(data.held_out_path, "data.held_out_path")
    elif layout.held_out:
        held_out = [path for part in layout.held_out for path in found.parts[part]]
    else:
        left = left_to_train(len(training), data, data.path)
        training, held_out = training[:left], training[left:]
    overlap = {os.path.realpath(path) for path in training} & {os.path.realpath(path) for path in held_out}
    if overlap:
        raise InputError(
            f"{layout.title} in {data.path!r} would hold out {len(overlap)} pictures that it trains on, "
            f"such as {min(overlap)}"
        )
    return Files(training), Files(held_out)


def _look(found: Contents, part: str, root: Path, folders: Sequence[str]) -> None:
    """Notes the pictures below the first of `folders` that exists as `part`."""
    for folder in folders:
        if (root / folder).is_dir():
            try:
                found.parts[part] = list_pictures(str(root / folder), part)
            except InputError:  # the folder is there, so it holds no picture
                found.missing.append((part, f"pictures in {folder}/"))
            return
    found.missing.append((part, " or ".join(f"{folder}/" for folder in folders)))


def _find_paris(root: Path) -> Contents:
    """Returns the two parts of Pathak et al. (2016), each from its archive."""
    found = Contents()
    _look(found, "paris_train_original", root, ("paris_train_original",))
    _look(found, "paris_eval_gt", root, ("paris_eval_gt", "paris_eval/paris_eval_gt"))
    return found


def _find_ethz(root: Path) -> Contents:
    """Returns the textures: those of the archive's folder, or whatever pictures there are."""
    found = Contents()
    _look(found, "texture", root, ("texture", "ETH_Synthesizability/texture", "."))
    return found


_PARTITION = "list_eval_partition.txt"
_STATUSES = ("train", "query", "gallery")


def _find_deepfashion(root: Path) -> Contents:
    """Returns the pictures as the benchmark's list divides them."""
    found = Contents()
    listed: dict[str, list[str]] = {}
    files = [file for file in (root / "Eval" / _PARTITION, root / _PARTITION) if file.is_file()]
    if not files:
        found.missing.append(("train", f"Eval/{_PARTITION}"))
    else:
        try:
            listed = _read_partition(files[0])
        except ValueError as error:  # a decoder's included
            found.missing.append(("train", f"a whole {_PARTITION}: {error}"))
    bases = [base for base in (root, root / "Img") if (base / "img").is_dir()]
    if not bases:
        found.missing.append(("train", "img/"))
    for status, names in listed.items() if bases else ():
        paths = [bases[0] / name for name in names]
        absent = [name for name, path in zip(names, paths, strict=True) if not path.is_file()]
        if absent:
            words = f"{len(absent)} of the {len(names)} pictures that the list has as {status}, such as {absent[0]}"
            found.missing.append((status, words))
        elif not names:
            found.missing.append((status, f"pictures that the list has as {status}"))
        else:
            found.parts[status] = paths
    return found


def _read_partition(file: Path) -> dict[str, list[str]]:
    """Returns the names of the pictures of each status; raises ValueError, which says what is wrong in which line."""
    lines = file.read_text().splitlines()
    if len(lines) < 2 or not lines[0].strip().isdigit():
        raise ValueError(f"its first line is {lines[0] if lines else ''!r}, not the number of pictures")
    listed: dict[str, list[str]] = {status: [] for status in _STATUSES}
    for number, line in enumerate(lines[2:], start=3):
        row = line.split()
        if not row:
            continue
        if len(row) != 3 or row[2] not in _STATUSES:
            raise ValueError(f"its line {number} is {line!r}, not a picture, an item, and {' or '.join(_STATUSES)}")
        listed[row[2]].append(row[0])
    count = sum(map(len, listed.values()))
    if count != int(lines[0]):
        raise ValueError(f"it lists {count} pictures, not {int(lines[0])} as its first line says")
    return listed


LAYOUTS: dict[str, FolderLayout] = {
    "paris_streetview": FolderLayout(
        title="Paris StreetView",
        holds="the folders paris_train_original/ and paris_eval_gt/, unpacked from its two archives",
        published={"paris_train_original": 14_900, "paris_eval_gt": 100},
        training="paris_train_original",
        held_out=("paris_eval_gt",),
        find=_find_paris,
    ),
    "ethz": FolderLayout(
        title="ETHZ Synthesizability",
        holds="the folder texture/ of ETH_Synthesizability.zip, or a folder of pictures",
        published={"texture": 21_302},
        training="texture",
        held_out=(),  # its authors publish no division
        find=_find_ethz,
    ),
    "deepfashion": FolderLayout(
        title="DeepFashion, In-shop Clothes Retrieval",
        holds=f"the folder img/ of Img/img.zip, and Eval/{_PARTITION}",
        published={"train": 25_882, "query": 14_218, "gallery": 12_612},
        training="train",
        held_out=("query", "gallery"),
        find=_find_deepfashion,
    ),
}


def paris_streetview(data: Data) -> Split:
    """Returns the photographs of Paris StreetView: the original training set, and the 100 of the evaluation."""
    return read(LAYOUTS["paris_streetview"], data)


def ethz(data: Data) -> Split:
    """Returns the textures of ETHZ Synthesizability, the last `data.held_out` by name held out."""
    return read(LAYOUTS["ethz"], data)


def deepfashion(data: Data) -> Split:
    """Returns the photographs of DeepFashion's in-shop benchmark; no item of the held-out ones is trained on."""
    return read(LAYOUTS["deepfashion"], data)
