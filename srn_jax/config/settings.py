"""Every setting, with its default and its check: the only place where defaults live.

A file in `configs/` returns a `Config` from `get_config()`; the command line overrides single fields,
`--config.model.width=32`. A misspelt field raises, in the file (slots) as on the command line.
"""

import copy
import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from srn_jax.config.numbers import MOST_SEED
from srn_jax.errors import InputError, brief, pick
from srn_jax.geometry import BETWEEN

# The default of a setting in which paper and release differ: `resolve` fills it in from NUMERICS.
AS_NUMERICS: Any = None
# Of a number that follows from the machine, and is found where it is needed; its field takes Any, for the flags.
AUTO = "auto"


@dataclass(kw_only=True, slots=True)
class Geometry:
    """Sizes are (height, width) in pixels."""

    known: tuple[int, int] = (128, 128)
    canvas: tuple[int, int] = (256, 256)
    margins: str = "random"  # a name in geometry.MARGINS
    masks_per_batch: str = "one"  # "one" for the whole batch, as in the release, or "each" image its own


@dataclass(kw_only=True, slots=True)
class Model:
    """The generator."""

    name: str = "srn"  # a name in models.generators.GENERATORS
    width: int = 64
    expansion: str = AS_NUMERICS  # a name in models.expansion.EXPANSIONS
    normalization: str = AS_NUMERICS  # a name in ops.NORMALIZATIONS
    blend: float = 0.5  # rho of context normalization


@dataclass(kw_only=True, slots=True)
class Loss:
    """What is minimized: names of variants, and weights with the paper's letters."""

    error: str = "l1"  # of the reconstruction, a name in losses.spatial.ERRORS
    spatial: str = AS_NUMERICS  # a name in losses.spatial.SPATIAL_WEIGHTS
    lambda_s: float = AS_NUMERICS
    lambda_ae: float = AS_NUMERICS  # auto-encoding of the known region, the release's addition
    coarse: float = 1.2  # both terms above, on the first of two stages: their weight beside the second (CA's code)
    lambda_mrf: float = 0.05
    lambda_style: float = 0.0  # an alternative to ID-MRF
    lambda_adv: float = 0.001
    adversarial: str = "wgan_gp"  # a name in losses.adversarial.OBJECTIVES
    lambda_gp: float = 10.0  # of the gradient penalty; "hinge" has none
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
    width: int = 64
    weights: str = "plain"  # a name in models.critics.WEIGHTS
    updates: int = 5  # critic updates per generator update, each on a batch of its own


@dataclass(kw_only=True, slots=True)
class Phase:
    """One part of the training; Adam starts afresh with each, as the release's two runs do."""

    steps: int = 40_000  # generator updates
    learning_rate: float = 1e-4
    schedule: str = "constant"  # a name in train.optimizer.SCHEDULES
    warmup_steps: int = 0


@dataclass(kw_only=True, slots=True)
class Adam:
    """The optimizer of generator and critics."""

    form: str = AS_NUMERICS  # a name in train.optimizer.ADAM
    beta1: float = 0.5
    beta2: float = 0.9
    epsilon: float = 1e-8
    clip_norm: float = 0.0  # gradients longer than this are scaled down to it, the critics' as one; 0 = never


@dataclass(kw_only=True, slots=True)
class Compute:
    """How a step is computed: how exactly, and in how much memory."""

    dtype: str = "float32"  # of the networks, a name in train.precision.DTYPES; all else stays float32
    accumulate: int = 1  # parts of a device's batch that are computed one after the other, for less memory
    remat: str = "none"  # a name in train.precision.REMAT: what the backward pass computes again, for less memory


@dataclass(kw_only=True, slots=True)
class Data:
    """Photographs, and how they are cut to the canvas."""

    source: str = "folder"  # a name in data.sources.SOURCES
    path: str = ""  # the folder, or the list, of training pictures; where TFDS keeps its data sets ("" = its default)
    held_out_path: str = ""  # a folder or list of held-out pictures; else the last `held_out` of `path`
    held_out: int = 64
    held_out_limit: int = 1_000  # of more held-out pictures, so many are judged, spread over all of them
    name: str = ""  # source "tfds": the data set, such as "caltech_birds2011"
    split: str = "train"  # source "tfds": what is trained on
    held_out_split: str = ""  # source "tfds": what is held out; else the last `held_out` of `split`
    feature: str = ""  # source "tfds": the feature with the picture; "" = the only one of three channels
    batch: int = 16  # over all devices of all hosts
    crop: str = "random"  # a name in data.crops.CROPS
    scale: tuple[float, float] = (1.0, 1.0)  # a training crop's size, drawn from this range; 1 = the largest that fits
    held_out_scales: tuple[float, ...] = (1.0,)  # the held-out crops' sizes, each spread evenly over the picture
    held_out_crops: int = 1  # how many of each size
    flip: float = 0.5  # the probability of a left-right flip
    color: float = 0.0  # strength in [0, 1] of random brightness, contrast, saturation and hue
    threads: Any = AUTO  # that read pictures, in each process that does; "auto": by the cores (data.pipeline.readers)
    workers: Any = AUTO  # processes that read pictures, 0 = the training process itself; "auto": likewise
    prefetch: int = 4  # steps read ahead, by each process that reads


@dataclass(kw_only=True, slots=True)
class Run:
    """The run itself: seed, averaging, and what is logged and saved how often."""

    seed: int = 0
    start_from: str = ""  # a checkpoint of another run, or a bundled model, whose weights this run begins with
    average: float = 0.999  # decay of the generator's moving average, the one that is evaluated and shipped; 0 = none
    log_every_steps: int = 50
    image_every_steps: int = 1_000
    evaluate_every_steps: int = 1_000
    save_every_steps: int = 1_000
    keep_newest: int = 2
    keep_best: int = 1
    max_unreadable: int = 100  # pictures that may fail to decode before the run stops, on each host


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


_MOST_SIDE = 2**16  # pixels of a canvas: the networks' memory grows with its area
_MOST = 2**31 - 1  # of what is counted, in int32 on the device

# Where paper and release differ: the one switch. Released weights give the authors' pixels under "release".
NUMERICS: dict[str, dict[str, Any]] = {
    "paper": {
        "model.expansion": "subpixel",
        "model.normalization": "paper",
        "loss.spatial": "rsv",
        "loss.lambda_s": 5.0,
        "loss.lambda_ae": 0.0,
        "loss.mrf": "paper",
        "loss.mrf_layers": ("conv3_2", "conv4_2"),
        "loss.vgg_input": "paper",
        "loss.penalty_mask": "paper",
        "loss.combine": "mean",
        "adam.form": "paper",
    },
    "release": {
        "model.expansion": "subpixel_reshape",
        "model.normalization": "release",
        "loss.spatial": "rsv_release",
        "loss.lambda_s": 5.04,
        "loss.lambda_ae": 1.44,
        "loss.mrf": "release",
        "loss.mrf_layers": ("conv3_2", "conv4_2", "conv4_2"),
        "loss.vgg_input": "release",
        "loss.penalty_mask": "release",
        "loss.combine": "sum",
        "adam.form": "release",
    },
}


def resolve(config: Config) -> Config:
    """Returns a checked copy of `config` whose AS_NUMERICS settings are filled in.

    Raises:
      InputError: numbers that do not fit together, with the value seen and what would fit.
    """
    config = copy.deepcopy(config)
    for name in _BOUNDS:
        if isinstance(value := _value(config, name), np.generic):  # which JSON does not take
            section, setting = name.split(".")
            setattr(getattr(config, section), setting, value.item())
    for name, value in pick(NUMERICS, config.numerics, "numerics").items():
        section, setting = name.split(".")
        if getattr(getattr(config, section), setting) is AS_NUMERICS:
            setattr(getattr(config, section), setting, value)
    check(config)
    return config


def feature_layers(loss: Loss) -> tuple[str, ...]:
    """Returns the layers of VGG-19 that the terms of `loss` look at, each once; () where none does."""
    used = (loss.mrf_layers if loss.lambda_mrf else ()) + (loss.style_layers if loss.lambda_style else ())
    return tuple(dict.fromkeys(used))


def ratio(geometry: Geometry) -> tuple[int, int]:
    """Returns (r1, r2), canvas over known picture."""
    return geometry.canvas[0] // geometry.known[0], geometry.canvas[1] // geometry.known[1]


def check(config: Config) -> None:
    """Raises InputError, one line, where numbers do not fit together; names are checked where they are looked up."""
    known, canvas = config.geometry.known, config.geometry.canvas
    for name, size in (("known", known), ("canvas", canvas)):
        if len(size) != 2 or any(not isinstance(side, int) or not 0 < side <= _MOST_SIDE or side % 4 for side in size):
            raise InputError(
                f"geometry.{name} is {brief(size)}; it takes two multiples of 4, (height, width), up to {_MOST_SIDE:,}"
            )
    _require(min(canvas) >= 16, config, "geometry.canvas", "sides of at least 16, which the critics and SSIM need")
    if known[0] > canvas[0] or known[1] > canvas[1] or known == canvas:
        raise InputError(f"geometry.known {known} must be smaller than geometry.canvas {canvas}")
    if config.model.name == "srn" and (canvas[0] % known[0] or canvas[1] % known[1]):
        raise InputError(
            f"geometry.canvas {canvas} is no whole multiple of geometry.known {known}: SRN enlarges each side by a "
            f"whole number, so {tuple(k * max(1, round(c / k)) for k, c in zip(known, canvas, strict=True))} would do"
        )
    if config.geometry.margins in BETWEEN and known[1] % 8:
        raise InputError(
            f"geometry.known is {known} and geometry.margins {config.geometry.margins!r}, whose halves' widths must be "
            f"multiples of 4, so that the width is one of 8, such as {-(-known[1] // 8) * 8}"
        )
    if config.geometry.margins in BETWEEN and known[1] == canvas[1]:
        raise InputError(
            f"geometry.known {known} is as wide as geometry.canvas {canvas}: for geometry.margins "
            f"{config.geometry.margins!r} the canvas must be wider, since the gap lies between known's halves"
        )
    _require(config.geometry.masks_per_batch in ("one", "each"), config, "geometry.masks_per_batch", "'one' or 'each'")
    for name, bounds in _BOUNDS.items():
        _require(bounds.hold(_value(config, name)), config, name, bounds.words)
    _require(config.model.width % 2 == 0, config, "model.width", "an even number")
    for term in ("mrf", "style"):
        layers, needed = getattr(config.loss, f"{term}_layers"), getattr(config.loss, f"lambda_{term}") > 0.0
        _require(len(layers) > 0 or not needed, config, f"loss.{term}_layers", "names of VGG-19's layers")
    scale = config.data.scale
    fits = len(scale) == 2 and _numbers(scale) and 0.0 < scale[0] <= scale[1] <= 1.0
    _require(fits, config, "data.scale", "(low, high) with 0 < low <= high <= 1")
    scales = config.data.held_out_scales
    fits = bool(scales) and _numbers(scales) and all(0.0 < scale <= 1.0 for scale in scales)
    _require(fits, config, "data.held_out_scales", "numbers in (0, 1]")
    for name in ("reconstruction", "adversarial"):
        phase = getattr(config, name)
        fits = isinstance(phase.warmup_steps, int) and 0 <= phase.warmup_steps <= phase.steps
        _require(fits, config, f"{name}.warmup_steps", f"in 0..{name}.steps, a whole number")
    steps = config.reconstruction.steps + config.adversarial.steps
    _require(steps > 0, config, "reconstruction.steps", "at least 1")
    # Updates are counted in int32, of the critics too.
    updates = config.reconstruction.steps + config.adversarial.steps * config.critic.updates
    _require(max(steps, updates) <= _MOST, config, "reconstruction.steps", f"with all others up to {_MOST:,} updates")


class _Bounds(NamedTuple):
    """What a number may be: from `least` to `most`, `open_below` or `open_above` without these; `words` say so.

    With `auto` it may be left to the machine as well.
    """

    words: str
    least: float
    most: float
    open_below: bool = False
    open_above: bool = False
    whole: bool = False
    auto: bool = False

    def hold(self, value: Any) -> bool:
        """Returns whether `value` is a finite number within them."""
        if self.auto and value == AUTO:
            return True
        if not isinstance(value, int if self.whole else int | float) or not -math.inf < value < math.inf:
            return False
        above = value > self.least if self.open_below else value >= self.least
        below = value < self.most if self.open_above else value <= self.most
        return bool(above and below)


_FROM_0, _FROM_1 = (
    _Bounds(f"at least {least}, up to {_MOST:,}, a whole number", least, _MOST, whole=True) for least in (0, 1)
)
_TIMES_FROM_0 = _Bounds("at least 0, up to 1e+30", 0.0, 1e30)  # float32 ends at 3e38
_ABOVE_0 = _Bounds("above 0, up to 1e+30", 0.0, 1e30, open_below=True)
_SHARE = _Bounds("a number in [0, 1]", 0.0, 1.0)
_DECAY = _Bounds("a number in [0, 1)", 0.0, 1.0, open_above=True)
_SIDE = _Bounds("at least 2, up to 65,536, a whole number", 2, 2**16, whole=True)
_BOUNDS = {
    "model.width": _SIDE,
    "model.blend": _SHARE,
    **{f"loss.{name}": _TIMES_FROM_0 for name in ("lambda_s", "lambda_ae", "coarse", "lambda_mrf", "lambda_style")},
    **{f"loss.{name}": _TIMES_FROM_0 for name in ("lambda_adv", "lambda_gp")},
    "critic.width": _Bounds("at least 1, up to 65,536, a whole number", 1, 2**16, whole=True),
    "critic.updates": _FROM_1,
    **{f"{phase}.steps": _FROM_0 for phase in ("reconstruction", "adversarial")},
    **{f"{phase}.learning_rate": _ABOVE_0 for phase in ("reconstruction", "adversarial")},
    "adam.beta1": _DECAY,
    "adam.beta2": _DECAY,
    "adam.epsilon": _TIMES_FROM_0,
    "adam.clip_norm": _TIMES_FROM_0,
    "compute.accumulate": _FROM_1,
    "data.held_out": _FROM_0,
    "data.held_out_limit": _FROM_1,
    "data.batch": _FROM_1,
    "data.held_out_crops": _FROM_1,
    "data.flip": _SHARE,
    "data.color": _SHARE,
    "data.threads": _Bounds("at least 1, up to 1,024, a whole number, or 'auto'", 1, 1024, whole=True, auto=True),
    "data.workers": _Bounds("at least 0, up to 1,024, a whole number, or 'auto'", 0, 1024, whole=True, auto=True),
    "data.prefetch": _FROM_1,
    "run.seed": _Bounds(f"at least 0, up to {MOST_SEED}, a whole number", 0, MOST_SEED, whole=True),
    "run.average": _DECAY,
    **{f"run.{name}_every_steps": _FROM_1 for name in ("log", "image", "evaluate", "save")},
    "run.keep_newest": _FROM_1,
    "run.keep_best": _FROM_0,
    "run.max_unreadable": _FROM_0,
}


def _numbers(values: tuple[Any, ...]) -> bool:
    return all(isinstance(value, int | float) for value in values)


def _value(config: Config, name: str) -> Any:
    section, setting = name.split(".")
    return getattr(getattr(config, section), setting)


def _require(holds: bool, config: Config, name: str, wanted: str) -> None:
    if not holds:
        raise InputError(f"{name} is {brief(_value(config, name))}; it takes {wanted}")
