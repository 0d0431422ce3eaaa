"""Every setting, with its default and its rules: the only place where defaults live.

A file in `configs/` returns a `Config` from `get_config()`; the command line overrides single fields,
`--config.model.width=32`. A misspelt field raises, in the file (slots) as on the command line.
"""

from dataclasses import dataclass, field
from typing import Any

from srn_jax.config.rules import (
    ABOVE_0,
    AUTO,
    DECAY,
    EVEN,
    FROM_0,
    FROM_1,
    RANGE,
    SEED,
    SHARE,
    SHARES,
    SIDES_FROM_16,
    SIZE,
    THREADS,
    TIMES_FROM_0,
    WIDTH,
    WIDTH_FROM_2,
    WORKERS,
    Formerly,
    one_of,
    setting,
)

# The default of a setting in which paper and release differ: `resolve` fills it in from NUMERICS.
AS_NUMERICS: Any = None


@dataclass(kw_only=True, slots=True)
class Geometry:
    """Sizes are (height, width) in pixels."""

    known: tuple[int, int] = setting((128, 128), SIZE)
    canvas: tuple[int, int] = setting((256, 256), SIZE, SIDES_FROM_16)
    placement: str = "random"  # a name in geometry.PLACEMENTS
    margins = Formerly("placement")
    # "one" for the whole batch, as in the release, or "each" image its own.
    masks_per_batch: str = setting("one", one_of("one", "each"))


@dataclass(kw_only=True, slots=True)
class Model:
    """The generator."""

    name: str = "srn"  # a name in models.generators.GENERATORS
    width: int = setting(64, WIDTH_FROM_2, EVEN)
    expansion: str = AS_NUMERICS  # a name in models.expansion.EXPANSIONS
    normalization: str = AS_NUMERICS  # a name in ops.NORMALIZATIONS
    rho: float = setting(0.5, SHARE)  # of context normalization
    blend = Formerly("rho")


@dataclass(kw_only=True, slots=True)
class Loss:
    """What is minimized: names of variants, and weights with the paper's letters."""

    error: str = "l1"  # of the reconstruction, a name in losses.spatial.ERRORS
    spatial: str = AS_NUMERICS  # a name in losses.spatial.SPATIAL_WEIGHTS
    lambda_s: float = setting(AS_NUMERICS, TIMES_FROM_0)
    lambda_ae: float = setting(AS_NUMERICS, TIMES_FROM_0)  # auto-encoding of the known region, the release's addition
    # Both terms above, on the first of two stages: their weight beside the second (CA's code).
    coarse: float = setting(1.2, TIMES_FROM_0)
    lambda_mrf: float = setting(0.05, TIMES_FROM_0)
    lambda_style: float = setting(0.0, TIMES_FROM_0)  # an alternative to ID-MRF
    lambda_adv: float = setting(0.001, TIMES_FROM_0)
    adversarial: str = "wgan_gp"  # a name in losses.adversarial.OBJECTIVES
    lambda_gp: float = setting(10.0, TIMES_FROM_0)  # of the gradient penalty; "hinge" has none
    mrf: str = AS_NUMERICS  # a name in losses.mrf.ID_MRF
    mrf_layers: tuple[str, ...] = AS_NUMERICS  # names in models.vgg19.LAYERS; one named twice counts twice
    style_layers: tuple[str, ...] = ("conv3_2", "conv4_2")  # as for mrf_layers
    vgg: str = "weights/vgg19.h5"  # a file (`python -m srn_jax.vgg --download` fetches this one), or "random"
    vgg_input: str = AS_NUMERICS  # a name in models.vgg19.PREPROCESSING
    penalty_mask: str = AS_NUMERICS  # a name in losses.adversarial.PENALTY_MASKS
    combine: str = AS_NUMERICS  # a name in losses.adversarial.COMBINATIONS


@dataclass(kw_only=True, slots=True)
class Critic:
    """The critics of the adversarial phase."""

    names: tuple[str, ...] = ("global", "context")  # names in models.critics.CRITICS
    width: int = setting(64, WIDTH)
    weights: str = "plain"  # a name in models.critics.WEIGHTS
    updates: int = setting(5, FROM_1)  # critic updates per generator update, each on a batch of its own


@dataclass(kw_only=True, slots=True)
class Phase:
    """One part of the training; Adam starts afresh with each, as the release's two runs do."""

    steps: int = setting(40_000, FROM_0)  # generator updates
    learning_rate: float = setting(1e-4, ABOVE_0)
    schedule: str = "constant"  # a name in train.optimizer.SCHEDULES
    warmup_steps: int = 0


@dataclass(kw_only=True, slots=True)
class Adam:
    """The optimizer of generator and critics."""

    form: str = AS_NUMERICS  # a name in train.optimizer.ADAM
    beta1: float = setting(0.5, DECAY)
    beta2: float = setting(0.9, DECAY)
    epsilon: float = setting(1e-8, TIMES_FROM_0)
    # Gradients longer than this are scaled down to it, the critics' as one; 0 = never.
    clip_norm: float = setting(0.0, TIMES_FROM_0)


@dataclass(kw_only=True, slots=True)
class Compute:
    """How a step is computed: how exactly, and in how much memory."""

    dtype: str = "float32"  # of the networks, a name in train.precision.DTYPES; all else stays float32
    # Parts of a device's batch that are computed one after the other, for less memory.
    accumulate: int = setting(1, FROM_1)
    remat: str = "none"  # a name in train.precision.REMAT: what the backward pass computes again, for less memory


@dataclass(kw_only=True, slots=True)
class Data:
    """Photographs, and how they are cut to the canvas."""

    source: str = "folder"  # a name in data.sources.SOURCES
    path: str = ""  # the folder, or the list, of training pictures; where TFDS keeps its data sets ("" = its default)
    held_out_path: str = ""  # a folder or list of held-out pictures; else the last `held_out` of `path`
    held_out: int = setting(64, FROM_0)
    # Of more held-out pictures, so many are judged, spread over all of them.
    held_out_limit: int = setting(1_000, FROM_1)
    name: str = ""  # source "tfds": the data set, such as "caltech_birds2011"
    split: str = "train"  # source "tfds": what is trained on
    held_out_split: str = ""  # source "tfds": what is held out; else the last `held_out` of `split`
    feature: str = ""  # source "tfds": the feature with the picture; "" = the only one of three channels
    batch: int = setting(16, FROM_1)  # over all devices of all hosts
    crop: str = "random"  # a name in data.crops.CROPS
    # A training crop's size, drawn from this range; 1 = the largest that fits.
    scale: tuple[float, float] = setting((1.0, 1.0), RANGE)
    # The held-out crops' sizes, each spread evenly over the picture.
    held_out_scales: tuple[float, ...] = setting((1.0,), SHARES)
    held_out_crops: int = setting(1, FROM_1)  # how many of each size
    flip: float = setting(0.5, SHARE)  # the probability of a left-right flip
    color: float = setting(0.0, SHARE)  # strength in [0, 1] of random brightness, contrast, saturation and hue
    # Threads that read pictures, in each process that does; "auto": by the cores (data.pipeline.readers).
    threads: Any = setting(AUTO, THREADS)
    # Processes that read pictures, 0 = the training process itself; "auto": likewise.
    workers: Any = setting(AUTO, WORKERS)
    prefetch: int = setting(4, FROM_1)  # steps read ahead, by each process that reads


@dataclass(kw_only=True, slots=True)
class Run:
    """The run itself: seed, averaging, and what is logged and saved how often."""

    seed: int = setting(0, SEED)
    start_from: str = ""  # a checkpoint of another run, or a bundled model, whose weights this run begins with
    # Decay of the generator's moving average, the one that is evaluated and shipped; 0 = none.
    average: float = setting(0.999, DECAY)
    log_every_steps: int = setting(50, FROM_1)
    image_every_steps: int = setting(1_000, FROM_1)
    evaluate_every_steps: int = setting(1_000, FROM_1)
    save_every_steps: int = setting(1_000, FROM_1)
    keep_newest: int = setting(2, FROM_1)
    keep_best: int = setting(1, FROM_0)
    max_unreadable: int = setting(100, FROM_0)  # pictures that may fail to decode before the run stops, on each host


@dataclass(kw_only=True, slots=True)
class Config:
    """One experiment."""

    numerics: str = "paper"  # or "release": which of the two the AS_NUMERICS settings follow
    parallel: str = "shard_map"  # a name in train.sharding.PARALLEL: how a step is spread over devices
    geometry: Geometry = field(default_factory=Geometry)
    model: Model = field(default_factory=Model)
    loss: Loss = field(default_factory=Loss)
    critic: Critic = field(default_factory=Critic)
    reconstruction: Phase = field(default_factory=Phase)
    adversarial: Phase = field(default_factory=Phase)
    adam: Adam = field(default_factory=Adam)
    compute: Compute = field(default_factory=Compute)
    data: Data = field(default_factory=Data)
    run: Run = field(default_factory=Run)


def feature_layers(loss: Loss) -> tuple[str, ...]:
    """Returns the layers of VGG-19 that the terms of `loss` look at, each once; () where none does."""
    used = (loss.mrf_layers if loss.lambda_mrf else ()) + (loss.style_layers if loss.lambda_style else ())
    return tuple(dict.fromkeys(used))


def ratio(geometry: Geometry) -> tuple[int, int]:
    """Returns (r1, r2), canvas over known picture."""
    return geometry.canvas[0] // geometry.known[0], geometry.canvas[1] // geometry.known[1]
