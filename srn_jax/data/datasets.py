"""The eight data sets of the paper: how each is read, how large it is, and what of it has to be fetched by hand."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ByHand:
    """A file that nobody but the user can fetch: behind a form, a login or a request.

    Attributes:
      file: its name.
      origin: where it comes from, and what to do there.
    """

    file: str
    origin: str


@dataclass(frozen=True)
class Dataset:
    """One data set; sizes in bytes, None where they are not published.

    Attributes:
      title: what it shows, and how many pictures.
      source: a name in data.sources.SOURCES.
      config: the file of the paper's settings for it.
      folder: where that file looks for it by default; "" = TFDS's folder.
      download: what TFDS fetches.
      prepared: what it takes on the disk once prepared.
      unpacks: whether TFDS unpacks its archives beside them.
      needs: the modules, besides TensorFlow, that TFDS prepares it with.
      by_hand: what has to be fetched by hand.
    """

    title: str
    source: str
    config: str
    folder: str = ""
    download: int | None = None
    prepared: int | None = None
    unpacks: bool = False
    needs: tuple[str, ...] = ()
    by_hand: tuple[ByHand, ...] = ()


_CITYSCAPES = "from cityscapes-dataset.com/downloads, after registration"
_DEEPFASHION = (
    "from mmlab.ie.cuhk.edu.hk/projects/DeepFashion/InShopRetrieval.html, the In-shop Clothes Retrieval Benchmark"
)
_PARIS = "from its authors, by e-mail: github.com/pathak22/context-encoder, section 6"

# Downloads are the sums of TFDS's own list of checksums; prepared sizes are those of TFDS's catalog.
DATASETS: dict[str, Dataset] = {
    "places365_small": Dataset(
        title="Places365-Standard, 256 x 256: 1,803,460 scenes to train on, 36,500 to validate, 328,500 to test",
        source="tfds",
        config="configs/places2.py",
        download=31_433_171_456,
        prepared=int(27.85 * 2**30),
    ),
    "celeb_a_hq/256": Dataset(
        title="CelebA-HQ, 256 x 256: 30,000 aligned faces",
        source="tfds",
        config="configs/celebahq.py",
        download=0,
        by_hand=(
            ByHand(
                "data256x256.tar",
                "the 30,000 faces as PNG files of 256 x 256, made as "
                "github.com/tkarras/progressive_growing_of_gans says, and packed: tar -cf data256x256.tar *.png",
            ),
        ),
    ),
    "caltech_birds2011": Dataset(
        title="Caltech-UCSD Birds-200-2011: 5,994 birds to train on, 5,794 to test",
        source="tfds",
        config="configs/cub200.py",
        download=1_189_858_222,
        prepared=int(1.16 * 2**30),
        unpacks=True,
        needs=("cv2",),
    ),
    "cityscapes": Dataset(
        title="Cityscapes, fine annotations: 2,975 street scenes to train on, 500 to validate, 1,525 to test",
        source="tfds",
        config="configs/cityscapes.py",
        download=0,
        unpacks=True,
        by_hand=(
            ByHand("leftImg8bit_trainvaltest.zip", _CITYSCAPES),
            ByHand("gtFine_trainvaltest.zip", _CITYSCAPES),
        ),
    ),
    "stanford_dogs": Dataset(
        title="Stanford Dogs: 12,000 dogs to train on, 8,580 to test",
        source="tfds",
        config="configs/dogs.py",
        download=815_912_960,
        prepared=int(744.72 * 2**20),
    ),
    "paris_streetview": Dataset(
        title="Paris StreetView: 14,900 street views to train on, 100 to evaluate",
        source="paris_streetview",
        config="configs/paris.py",
        folder="data/paris",
        by_hand=(
            ByHand("paris_train_original/", f"out of paris_train_original.zip, {_PARIS}"),
            ByHand("paris_eval_gt/", f"out of the evaluation set's archive, {_PARIS}"),
        ),
    ),
    "ethz": Dataset(
        title="ETHZ Synthesizability: 21,302 textures",
        source="ethz",
        config="configs/ethz.py",
        folder="data/ethz",
        by_hand=(ByHand("texture/", "out of ETH_Synthesizability.zip, from people.ee.ethz.ch/~daid/synthesizability"),),
    ),
    "deepfashion": Dataset(
        title="DeepFashion, In-shop Clothes Retrieval: 25,882 photographs to train on, 26,830 to retrieve",
        source="deepfashion",
        config="configs/deepfashion.py",
        folder="data/deepfashion",
        by_hand=(
            ByHand("img/", f"out of Img/img.zip, {_DEEPFASHION}"),
            ByHand("Eval/list_eval_partition.txt", _DEEPFASHION),
        ),
    ),
}

# Which files TFDS looks for in its folder of manual downloads, for the data sets whose configs differ in that.
MANUAL: dict[str, Callable[[Any], tuple[str, ...]]] = {
    "celeb_a_hq": lambda config: (config.file_name,),
    "cityscapes": lambda config: tuple(dict.fromkeys(archive for archive, _ in config.zip_root.values())),
}
