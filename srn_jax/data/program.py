"""What `python -m srn_jax.data` does: it lists data sets, prepares them, and tells what there is of one."""

import argparse
import contextlib
import importlib.util
import json
import os
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from srn_jax.data import layouts, records
from srn_jax.data.datasets import DATASETS, MANUAL, ByHand, Dataset
from srn_jax.data.options import AFTER
from srn_jax.data.photographs import Files, Pictures
from srn_jax.errors import InputError
from srn_jax.pictures.reading import decode
from srn_jax.programs.files import expand

_SAMPLES = 3  # pictures that `check` decodes of each part
_INSTALL = "pip install 'srn-jax[prepare]', in a clone of the repository pip install -e '.[prepare]'"


def run(options: argparse.Namespace) -> None:
    """Does what the command says; raises InputError where what is given does not fit."""
    if options.command == "list":
        print(catalog())
    elif options.command == "check":
        print("\n".join(check(options.name, options.path, "--path")))
    elif options.name in layouts.LAYOUTS:
        dataset = DATASETS[options.name]
        folder = options.data_dir or dataset.folder
        print("\n".join(to_fetch(dataset.by_hand, expand(folder, "--data-dir"))), flush=True)
        print("\n".join(check(options.name, folder, "--data-dir")))
    else:
        prepare(options.name, options.data_dir, options.yes)


def catalog() -> str:
    """Returns the paper's data sets, some lines each."""
    lines = []
    for name, dataset in DATASETS.items():
        lines.append(f"{name}: {dataset.title}")
        lines.append(f"  read by: data.source={dataset.source}, as in {dataset.config}")
        if dataset.source == "tfds":
            lines.append(f"  download: {in_words(dataset.download)}; prepared: {in_words(dataset.prepared)}")
        if dataset.by_hand:
            lines.append(f"  by hand: {', '.join(part.file for part in dataset.by_hand)}")
    return "\n".join(lines)


def check(name: str, path: str, setting: str) -> list[str]:
    """Returns what is there of a data set, line by line; `setting` is what gave its folder `path`, "" = the default.

    Raises:
      InputError: it is not there, or not whole, or a picture of those that are tried does not decode.
    """
    if name not in layouts.LAYOUTS:
        prepared = records.Prepared(name, path, "NAME")
        lines = [f"{prepared.title}: in {prepared.folder}"]
        for split, count in prepared.splits.items():
            lines.append(f"{split}: {count:,} pictures")
            for feature, channels in prepared.pictures.items():
                if channels == 3 and count:
                    lines.append(f"  {feature}: {_sizes(prepared.records(split, feature, 'split'))}")
        return lines
    layout = layouts.LAYOUTS[name]
    path = path or DATASETS[name].folder
    found = layouts.survey(layout, path, setting)
    layouts.check_whole(layout, found, tuple(layout.published), path, setting)
    lines = [f"{layout.title}: in {path}"]
    for part, files in found.parts.items():
        lines.append(f"{part}: {len(files):,} pictures")
        lines.append(f"  {_sizes(Files(files))}")
    return lines + [f"note: {difference}" for difference in layouts.differences(layout, found)]


def _sizes(pictures: Pictures) -> str:
    """Returns the sizes of the first pictures; raises InputError where one does not decode."""
    sizes = []
    for index in range(min(_SAMPLES, len(pictures))):
        try:
            picture = decode(pictures.encoded(index))
        except Exception as error:  # Pillow's decoders raise whatever the broken bytes provoke
            raise InputError(f"{pictures.name(index)} does not decode: {error}") from error
        sizes.append(f"{picture.height} x {picture.width}")
    return f"the first {len(sizes)} decode: {', '.join(sizes)} (height x width)"


def to_fetch(parts: Sequence[ByHand], folder: Path) -> list[str]:
    """Returns what has to be fetched by hand, and where to put it, a line each."""
    return [f"by hand, into {folder}: {part.file}, {part.origin}" for part in parts]


def in_words(size: int | None) -> str:
    """Returns a number of bytes as people write it."""
    if size is None:
        return "unknown"
    if size == 0:
        return "nothing"
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def prepare(name: str, path: str, yes: bool) -> None:
    """Prepares a data set of TFDS below `path` ("" = TFDS's folder), and prints what it does.

    Raises:
      InputError: it cannot be prepared, or it failed; nothing half-made is left.
    """
    root = records.data_folder(path)
    bare, settings = records.parse_name(name, "NAME")
    try:
        kind = records.known_builder(name, path, "NAME")
    except InputError:  # one of the user's own needs no code of TFDS, where it is prepared
        print(f"{records.Prepared(name, path, 'NAME').title} is prepared in {root}")
        return
    if "version" in settings:
        raise InputError(f"NAME is {name!r}; TFDS prepares one version, the newest: leave :{settings['version']} out")
    config = kind.builder_configs[settings["config"]] if "config" in settings else kind.default_builder_config
    title = bare if config is None else f"{bare}/{config.name}"
    if not any(folder.parent == root / title for folder in records.variants(root / bare)):
        dataset = next((DATASETS[key] for key in (title, bare) if key in DATASETS), None)
        print(f"{title}: TFDS will prepare it in {root / title}", flush=True)
        for unfinished in sorted((root / title).glob("incomplete.*")):
            print(f"note: {unfinished} is of a run that was killed, if none is at work; it is never read, delete it")
        manual = root / "downloads" / "manual"
        present = check_manual(kind, config, dataset, manual)
        check_space(kind, dataset, present, root)
        check_modules(("tensorflow", *(dataset.needs if dataset else ())))
        confirm(yes)
        build(title, root, manual)
    prepared = records.Prepared(title, path, "NAME")
    print(f"{prepared.title} is prepared in {prepared.folder}")


def check_manual(kind: Any, config: Any, dataset: Dataset | None, manual: Path) -> int:
    """Prints what has to be fetched by hand; returns the size of it.

    Raises:
      InputError: some of it is not in the folder `manual`; names all of that.
    """
    instructions = kind.MANUAL_DOWNLOAD_INSTRUCTIONS
    if not instructions:
        return 0
    if _unknown(kind):
        print(f"by hand, into {manual}: {' '.join(instructions.split())}", flush=True)
        files = [file for file in manual.glob("*") if file.is_file()]
        if not files:
            raise InputError(f"{kind.name} needs files that are fetched by hand, and {manual} holds none")
        return 0
    origins = {part.file: part for part in dataset.by_hand} if dataset else {}
    names = MANUAL[kind.name](config)
    parts = [origins.get(name, ByHand(name, " ".join(instructions.split()))) for name in names]
    print("\n".join(to_fetch(parts, manual)), flush=True)
    missing = [name for name in names if not (manual / name).is_file()]
    if missing:
        raise InputError(f"{manual} lacks {', '.join(missing)}, to be fetched by hand as said above")
    return sum((manual / name).stat().st_size for name in names)


def _unknown(kind: Any) -> bool:
    """Returns whether TFDS alone knows which files are fetched by hand; its list of sizes may have these too."""
    return bool(kind.MANUAL_DOWNLOAD_INSTRUCTIONS) and kind.name not in MANUAL


def check_space(kind: Any, dataset: Dataset | None, present: int, root: Path) -> None:
    """Prints how much is downloaded and how much of the disk it takes; `present` bytes were fetched by hand.

    Raises:
      InputError: the disk has less room.
    """
    infos = {} if _unknown(kind) else kind.url_infos or {}
    fetched = _fetched(root / "downloads")
    sizes = {info.checksum: int(info.size) for info in infos.values()}  # some files have two addresses
    done = {info.checksum for url, info in infos.items() if url in fetched}
    download = sum(size for checksum, size in sizes.items() if checksum not in done)
    packed = sum(sizes.values()) + present
    prepared = packed if dataset is None or dataset.prepared is None else dataset.prepared
    needed = download + prepared + (packed if dataset is None or dataset.unpacks else 0)
    here = next(folder for folder in (root, *root.absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(here).free
    if packed:
        print(f"download: {in_words(download)}; disk: about {in_words(needed)}, {in_words(free)} are free", flush=True)
    else:
        print(f"download: unknown; disk: unknown, {in_words(free)} are free", flush=True)
    if needed > free:
        raise InputError(f"{root} has {in_words(free)} free; about {in_words(needed)} are needed")


def _fetched(downloads: Path) -> set[str]:
    """Returns the addresses of what TFDS has downloaded before."""
    urls: set[str] = set()
    for file in (*downloads.glob("*.INFO"), *downloads.glob("*/*.INFO")):
        with contextlib.suppress(OSError, ValueError):  # cut or unreadable: it will be fetched again
            urls.update(json.loads(file.read_text()).get("urls", []) if file.with_suffix("").exists() else [])
    return urls


def check_modules(names: Sequence[str]) -> None:
    """Raises InputError, with what to install, where a module is missing."""
    titles = {"tensorflow": "TensorFlow", "cv2": "OpenCV"}
    for name in names:
        if importlib.util.find_spec(name) is None:
            raise InputError(f"{titles[name]} is needed once, to prepare: {_INSTALL}")


def confirm(yes: bool) -> None:
    """Asks whether to go on, unless that was said; raises InputError where it was not, or nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise InputError("there is no terminal to ask whether to go on; --yes says so")
    try:
        answer = input("go on? [y/N] ")
    except EOFError:
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        raise InputError("stopped, as asked; nothing was fetched or written")


def build(title: str, root: Path, manual: Path) -> None:
    """Has TFDS prepare a data set; it writes beside the place and renames, so what is there is whole.

    Raises:
      InputError: it failed, with the reason.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's notes about the machine
    import tensorflow_datasets

    options = tensorflow_datasets.download.DownloadConfig(manual_dir=manual, try_download_gcs=False)
    before = _unfinished(root / "downloads")
    try:
        builder = tensorflow_datasets.builder(title, data_dir=str(root), file_format=records.FORMAT)
        builder.download_and_prepare(download_config=options)
    except Exception as error:  # network, disk, checksums, archives: whatever TFDS and TensorFlow raise
        raise InputError(f"{title} was not prepared: {type(error).__name__}: {error}; {AFTER}") from error
    finally:
        for folder in _unfinished(root / "downloads") - before:  # TFDS never goes on with them
            shutil.rmtree(folder, ignore_errors=True)


def _unfinished(downloads: Path) -> set[Path]:
    """Returns the folders of downloads and unpacked archives that are not whole."""
    found = {*downloads.glob("*.tmp.*"), *downloads.glob("*/*.tmp.*"), *downloads.glob("extracted/incomplete.*")}
    return {path for path in found if re.search(r"\.tmp\.[0-9a-f]{32}$|/incomplete\.[^/]*$", path.as_posix())}
