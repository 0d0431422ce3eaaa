"""Writes small data sets as TFDS prepares them, without TensorFlow: array_record files, and what describes them."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from array_record.python import array_record_module  # pyright: ignore[reportAttributeAccessIssue]
from PIL import Image
from tensorflow_datasets.proto import tf_example_pb2

_PYTHON = "tensorflow_datasets.core.features"
IMAGE = {
    "pythonClassName": f"{_PYTHON}.image_feature.Image",
    "image": {"shape": {"dimensions": ["-1", "-1", "3"]}, "dtype": "uint8"},
}
MASK = {
    "pythonClassName": f"{_PYTHON}.image_feature.Image",
    "image": {"shape": {"dimensions": ["-1", "-1", "1"]}, "dtype": "uint8"},
}
TEXT = {"pythonClassName": f"{_PYTHON}.text_feature.Text", "text": {}}


def nested(**features: Any) -> dict[str, Any]:
    """Returns a feature that holds others."""
    return {
        "pythonClassName": f"{_PYTHON}.features_dict.FeaturesDict",
        "featuresDict": {"features": {name.replace("__", "/"): feature for name, feature in features.items()}},
    }


BIRDS = nested(image=IMAGE, image__filename=TEXT, segmentation_mask=MASK)  # those of caltech_birds2011 that matter


def jpeg(number: int, size: tuple[int, int] = (20, 30)) -> bytes:
    """Returns a JPEG file of `size` (height, width) in one gray, 10 times its number."""
    file = io.BytesIO()
    Image.fromarray(np.full((*size, 3), 10 * number % 256, np.uint8)).save(file, format="JPEG", quality=95)
    return file.getvalue()


def record(**features: bytes) -> bytes:
    """Returns one record."""
    messages: Any = tf_example_pb2  # protobuf makes its classes when it is imported
    example = messages.Example()
    for name, value in features.items():
        example.features.feature[name.replace("__", "/")].bytes_list.value.append(value)
    return example.SerializeToString()


def write(
    folder: Path,
    name: str,
    version: str,
    splits: dict[str, list[list[bytes]]],
    features: dict[str, Any],
    config: str = "",
    form: str = "array_record",
) -> Path:
    """Writes the data set below `folder`, and returns its own folder; a split is a list of files, a file of records."""
    target = folder / name / config / version
    target.mkdir(parents=True)
    described = []
    for split, files in splits.items():
        for number, records in enumerate(files):
            file = target / f"{name}-{split}.{form}-{number:05d}-of-{len(files):05d}"
            writer = array_record_module.ArrayRecordWriter(str(file), "group_size:1")
            for content in records:
                writer.write(content)
            writer.close()
        described.append(
            {
                "name": split,
                "shardLengths": [str(len(records)) for records in files],
                "numBytes": str(sum(len(content) for records in files for content in records)),
                "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
            }
        )
    info = {"name": name, "version": version, "fileFormat": form, "splits": described}
    (target / "dataset_info.json").write_text(json.dumps({**info, **({"configName": config} if config else {})}))
    (target / "features.json").write_text(json.dumps(features))
    return target


def write_birds(folder: Path, train: int = 6, test: int = 3) -> Path:
    """Writes caltech_birds2011 in gray JPEGs, training pictures in two files: 0, 10, ... then 100, 110, ..."""

    def bird(number: int) -> bytes:
        return record(image=jpeg(number), image__filename=b"bird.jpg", segmentation_mask=b"no picture at all")

    half = train // 2
    return write(
        folder,
        "caltech_birds2011",
        "0.2.0",
        {
            "train": [[bird(number) for number in part] for part in (range(half), range(half, train))],
            "test": [[bird(10 + number) for number in range(test)]],
        },
        BIRDS,
    )
