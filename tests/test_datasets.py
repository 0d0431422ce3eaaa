"""Every config of a data set runs from the source that it names: on a small data set of that form, read for real."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from srn_jax import config as settings
from srn_jax.data import pipeline
from srn_jax.data.datasets import DATASETS
from srn_jax.data.photographs import Count
from srn_jax.data.sources import SOURCES
from tests import tfds_writer
from tests.test_layouts import write_deepfashion
from tests.tiny import write_pictures

ROOT = Path(__file__).parent.parent


def write_tfds(name: str, feature: str, *splits: str, config: str = "") -> Callable[[Path], None]:
    """Returns what writes a TFDS data set of four JPEGs a split, its picture among other features."""
    features = {
        feature: tfds_writer.IMAGE,
        "segmentation_label": tfds_writer.MASK,
        f"{feature}__filename": tfds_writer.TEXT,
    }

    def write(folder: Path) -> None:
        parts = {
            split: [[tfds_writer.record(**{feature: tfds_writer.jpeg(4 * place + n, (300, 520))}) for n in range(4)]]
            for place, split in enumerate(splits)
        }
        tfds_writer.write(folder, name, "2.0.0", parts, tfds_writer.nested(**features), config=config)

    return write


def write_paris(folder: Path) -> None:
    write_pictures(folder / "paris_train_original", 4, (300, 520))
    write_pictures(folder / "paris_eval" / "paris_eval_gt", 2, (300, 520))


def write_in_shop(folder: Path) -> None:
    write_deepfashion(folder, {"train": 4, "query": 1, "gallery": 1})


WRITERS: dict[str, Callable[[Path], object]] = {
    "places365_small": write_tfds("places365_small", "image", "train", "validation"),
    "celeb_a_hq/256": write_tfds("celeb_a_hq", "image", "train", config="256"),
    "caltech_birds2011": write_tfds("caltech_birds2011", "image", "train", "test"),
    "cityscapes": write_tfds("cityscapes", "image_left", "train", "validation", config="semantic_segmentation"),
    "stanford_dogs": write_tfds("stanford_dogs", "image", "train", "test"),
    "paris_streetview": write_paris,
    "ethz": lambda folder: write_pictures(folder / "texture", 5, (90, 90)),
    "deepfashion": write_in_shop,
}


def load(file: str) -> settings.Config:
    spec = importlib.util.spec_from_file_location("experiment", ROOT / file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return settings.resolve(module.get_config())


@pytest.mark.slow
@pytest.mark.parametrize("name", DATASETS)
def test_a_config_runs_from_its_source(name, tmp_path):
    WRITERS[name](tmp_path)
    config = load(DATASETS[name].config)
    data, canvas = config.data, config.geometry.canvas
    assert data.source == DATASETS[name].source
    assert data.path == DATASETS[name].folder
    assert data.name == (name if data.source == "tfds" else "")
    data.path, data.batch, data.held_out = str(tmp_path), 2, 1
    training, held_out = SOURCES[data.source](data)
    assert len(training) >= 3
    photographs = pipeline.decoder(training, data, canvas)
    cut = next(iter(pipeline.training_batches(photographs, data, canvas, seed=0, start=0, group=1)))
    assert cut.pixels.shape == (1, 2, *canvas, 3)
    assert cut.skipped == ()
    judging = pipeline.decoder(held_out, data, canvas)
    crops = pipeline.held_out_crops(judging, data, config.geometry, Count(len(held_out), 0))
    assert crops.images.shape == (len(held_out), *canvas, 3)
    assert not np.array_equal(crops.images[0], cut.pixels[0, 0])


def test_the_eight_are_all_there():
    assert set(WRITERS) == set(DATASETS)
    assert len({dataset.config for dataset in DATASETS.values()}) == 8
