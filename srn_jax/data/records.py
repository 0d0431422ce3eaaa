"""Prepared data sets of TensorFlow Datasets (TFDS), read record by record, without TensorFlow and without network."""

import difflib
import io
import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from srn_jax.config import Data
from srn_jax.data.photographs import Split, left_to_train
from srn_jax.errors import InputError
from srn_jax.programs.files import expand

FORMAT = "array_record"  # TFDS's format that any record is read from in one step


@dataclass
class Records:
    """Pictures in the records of a prepared data set.

    Attributes:
      source: bytes of a record by number; array_record's, which opens its files when it is asked for one.
      title: the data set's name with its version.
      split: the split that the records' numbers count in.
      feature: the feature with the picture.
      first: the number of the first record.
      count: how many there are.
      keep: whether decoded pictures stay in memory.
    """

    source: Any
    title: str
    split: str
    feature: str
    first: int
    count: int
    keep: bool = False

    def __len__(self) -> int:
        return self.count

    def name(self, index: int) -> str:
        """Returns data set, split and number."""
        return f"{self.title} {self.split}[{self.first + index}]"

    def encoded(self, index: int) -> io.BytesIO:
        """Returns the picture's file; other features of the record are not even looked at."""
        from tensorflow_datasets.proto import tf_example_pb2

        messages: Any = tf_example_pb2  # protobuf makes its classes when it is imported
        example = messages.Example.FromString(self.source[self.first + index])
        return io.BytesIO(example.features.feature[self.feature].bytes_list.value[0])

    def fingerprint(self) -> str:
        """Returns data set, version, split, which records of it, and how many."""
        return f"{self.title} {self.split}[{self.first}:{self.first + self.count}], {self.count} pictures"


def tfds(data: Data) -> Split:
    """Returns the pictures of a prepared data set: `data.split` and `data.held_out_split`, or the last of `data.split`.

    Raises:
      InputError: the data set is unknown or not prepared; a split or feature is not in it; nothing is left to train on
        or to hold out, or both share records.
    """
    if data.held_out_path:
        raise InputError(
            f"data.held_out_path is {data.held_out_path!r}, which source 'tfds' does not read; it takes "
            "data.held_out_split, or the last data.held_out of data.split"
        )
    prepared = Prepared(data.name, data.path)
    feature = prepared.picture(data.feature)
    training = prepared.records(data.split, feature, "data.split")
    if data.held_out_split:
        held_out = prepared.records(data.held_out_split, feature, "data.held_out_split")
        shared = _overlap(prepared.extents(data.split), prepared.extents(data.held_out_split))
        if shared:
            raise InputError(
                f"data.held_out_split {data.held_out_split!r} shares {shared} pictures with data.split {data.split!r}"
            )
        return training, held_out
    first_held_out = left_to_train(len(training), data, f"{data.split!r} of {prepared.title}")
    return (
        Records(training.source, training.title, training.split, feature, 0, first_held_out),
        Records(training.source, training.title, training.split, feature, first_held_out, data.held_out),
    )


class Prepared:
    """A data set that is prepared in a folder, known to TFDS or not: everything comes from its files.

    Attributes:
      folder: where its files are.
      title: its name with its version.
      splits: how many records each split has.
      pictures: the features with a picture, by name, and how many channels each has.
    """

    def __init__(self, name: str, path: str, setting: str = "data.name") -> None:
        """Opens `name`, such as "celeb_a_hq/256", below `path` ("" = TFDS's default).

        Raises:
          InputError: no such data set, or it is not prepared, or in a format that is not read here.
        """
        from tensorflow_datasets.core import features, file_adapters, read_only_builder, registered

        image: Any = features.Image
        root = data_folder(path)
        bare, settings = parse_name(name, setting)
        try:
            builder = read_only_builder.builder_from_files(bare, data_dir=str(root), **settings)
        except registered.DatasetNotFoundError as error:
            raise _not_prepared(name, path, setting) from error
        except Exception as error:  # half a data set: TFDS raises whatever its files provoke
            reason = " ".join(str(error).split())
            raise InputError(f"{setting} is {name!r}, whose files in {root} are broken: {reason}") from error
        self.folder = Path(builder.data_dir)
        self._root, self._name = root, str(builder.info.full_name).replace(f"/{builder.version}", f":{builder.version}")
        self.title = str(builder.info.full_name)
        formats = builder.info.available_file_formats()
        if file_adapters.FileFormat.ARRAY_RECORD not in formats:
            found = ", ".join(sorted(form.value for form in formats)) or "no known format"
            raise InputError(
                f"{self.folder} is prepared as {found}, not as {FORMAT}, the one that is read here; move that folder "
                f"away, then run: {prepare_command(name, path)}"
            )
        self.splits = {str(split): int(info.num_examples) for split, info in builder.info.splits.items()}
        self._features = dict(_flatten(builder.info.features))
        self.pictures = {
            name: int(feature.shape[-1]) for name, feature in self._features.items() if isinstance(feature, image)
        }
        self._builder: Any = builder

    def picture(self, wanted: str) -> str:
        """Returns the name of the feature with the picture: `wanted`, or where it is "" the only one of three channels.

        Raises:
          InputError: there is none or there are several, or `wanted` is no picture; lists what is there.
        """
        if wanted:
            if wanted not in self.pictures:
                there = ", ".join(map(repr, self.pictures)) or "none: it has no pictures"
                raise InputError(f"data.feature is {wanted!r}; of {self.title} it takes one of {there}")
            return wanted
        colored = [name for name, channels in self.pictures.items() if channels == 3]
        if not colored:
            kinds = ", ".join(f"{name} ({type(feature).__name__})" for name, feature in self._features.items())
            raise InputError(f"{self.title} has no picture of three channels; its features are {kinds}")
        if len(colored) > 1:
            there = ", ".join(map(repr, colored))
            raise InputError(f"{self.title} has {len(colored)} pictures of three channels; data.feature takes {there}")
        return colored[0]

    def extents(self, split: str) -> list[tuple[str, int, int]]:
        """Returns where the records of a split lie: file, first, and the one after the last."""
        instructions = self._builder.info.splits[split].file_instructions
        return [(str(part.filename), part.skip, part.skip + part.take) for part in instructions]

    def records(self, split: str, feature: str, setting: str) -> Records:
        """Returns the pictures of a split, or of a part such as "train[:90%]".

        Raises:
          InputError: no such split, nothing in it, or files of it are missing; names `setting`.
        """
        import tensorflow_datasets
        from tensorflow_datasets.core import decode

        try:
            extents = self.extents(split)
        except (ValueError, KeyError, AssertionError) as error:
            there = ", ".join(map(repr, self.splits))
            raise InputError(
                f"{setting} is {split!r}; of {self.title} it takes one of {there}, or a part such as 'train[:90%]'"
            ) from error
        count = sum(stop - start for _, start, stop in extents)
        if not count:
            there = ", ".join(f"{number} in {name!r}" for name, number in self.splits.items())
            raise InputError(f"{setting} is {split!r}, which holds no picture; {self.title} has {there}")
        missing = [file for file, _, _ in extents if not Path(file).is_file()]
        if missing:
            raise InputError(
                f"{setting} is {split!r}, of whose {len(extents)} files in {self.folder} {len(missing)} are missing, "
                f"such as {Path(missing[0]).name}; copy them there, or prepare the data set again"
            )
        raw = decode.DeserializeMethod.RAW_BYTES
        source: Any = tensorflow_datasets.data_source(
            self._name, split=split, data_dir=str(self._root), download=False, deserialize_method=raw
        )
        return Records(source.data_source, self.title, split, feature, 0, count)


def data_folder(path: str) -> Path:
    """Returns the folder that TFDS keeps data sets in; "" is its default, $TFDS_DATA_DIR or ~/tensorflow_datasets."""
    return expand(path or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets", "the folder of TFDS")


def prepare_command(name: str, path: str) -> str:
    """Returns the command that prepares a data set."""
    return f"python -m srn_jax.data prepare {name}{f' --data-dir {shlex.quote(path)}' if path else ''}"


def parse_name(name: str, setting: str) -> tuple[str, dict[str, str]]:
    """Returns the bare name, and what else a name such as "celeb_a_hq/256:2.0.0" gives: config and version.

    Raises:
      InputError: the name is empty or has another form; names `setting`.
    """
    from tensorflow_datasets.core import naming

    if not name:
        raise InputError(f"{setting} is empty; source 'tfds' takes a data set's name, such as 'caltech_birds2011'")
    try:
        bare, settings = naming.parse_builder_name_kwargs(name)
    except Exception as error:  # TFDS raises several kinds for a name that it cannot read
        raise InputError(f"{setting} is {name!r}; it takes NAME, NAME/CONFIG or NAME:VERSION") from error
    if bare.namespace or not settings.keys() <= {"config", "version"}:
        raise InputError(f"{setting} is {name!r}; it takes NAME, NAME/CONFIG or NAME:VERSION, and nothing else")
    return bare.name, {key: str(value) for key, value in settings.items()}


def known_builder(name: str, path: str, setting: str) -> Any:
    """Returns TFDS's class that prepares a data set; looks at no network.

    Raises:
      InputError: TFDS knows no such data set, or no such config of it; lists those that are close.
    """
    import tensorflow_datasets
    from tensorflow_datasets.core import registered

    bare, settings = parse_name(name, setting)
    try:
        kind: Any = registered.imported_builder_cls(bare)
    except registered.DatasetNotFoundError as error:
        root = data_folder(path)
        own = [folder.name for folder in root.iterdir() if any(variants(folder))] if root.is_dir() else []
        known = dict.fromkeys([*own, *tensorflow_datasets.list_builders(with_community_datasets=False)])
        close = ", ".join(map(repr, difflib.get_close_matches(bare, known, cutoff=0.7)))
        raise InputError(
            f"{setting} is {name!r}, which is not in {root}, and TFDS knows no such data set; "
            + (f"did you mean {close}?" if close else "its catalog is tensorflow.org/datasets/catalog")
        ) from error
    configs = ", ".join(repr(f"{bare}/{config}") for config in kind.builder_configs) or repr(bare)
    if "config" in settings and settings["config"] not in kind.builder_configs:
        raise InputError(f"{setting} is {name!r}; TFDS knows {configs}")
    return kind


def _not_prepared(name: str, path: str, setting: str) -> InputError:
    """Returns what to say of a data set that is not there: how to prepare it, or that nobody knows it."""
    root = data_folder(path)
    bare, _ = parse_name(name, setting)
    there = ", ".join(str(folder.relative_to(root)) for folder in variants(root / bare))
    beside = f"; prepared there: {there}" if there else ""
    try:
        known_builder(name, path, setting)
    except InputError as error:
        return InputError(f"{setting} is {name!r}, which is not prepared in {root}{beside}") if there else error
    command = prepare_command(name.partition(":")[0], path)  # TFDS prepares one version
    return InputError(f"{setting} is {name!r}, which is not prepared in {root}{beside}; run: {command}")


def variants(folder: Path) -> Iterator[Path]:
    """Yields the folders of a data set's prepared versions, with and without configs."""
    for pattern in ("*/features.json", "*/*/features.json"):
        for file in sorted(folder.glob(pattern)):
            if not file.parent.name.startswith("incomplete."):  # a run that was killed
                yield file.parent


def _flatten(features: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """Yields the features of one value a record, by the name that they have in a record."""
    from tensorflow_datasets.core.features import FeaturesDict

    for name, feature in sorted(features.items()):  # TFDS reads them in any order
        if isinstance(feature, FeaturesDict):
            yield from _flatten(feature, f"{above}{name}/")
        else:
            yield f"{above}{name}", feature


def _overlap(one: list[tuple[str, int, int]], other: list[tuple[str, int, int]]) -> int:
    """Returns how many records two lists of extents share."""
    return sum(
        max(0, min(stop, end) - max(start, begin))
        for file, start, stop in one
        for same, begin, end in other
        if file == same
    )
