"""The release's variables as our parameters: names, colour order, and the architecture that their shapes tell."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import flax.linen as nn
import numpy as np

from srn_jax.errors import InputError
from srn_jax.geometry import Size
from srn_jax.models.critics import CRITICS
from srn_jax.models.layers import parameter_shapes
from srn_jax.models.parameters import Params, by_name
from srn_jax.models.srn import SRN, SRNHR

SLOTS = {"mu": "/Adam", "nu": "/Adam_1"}  # Adam's moments lie beside their variable
BETA_POWER = "beta2_power"  # beta2 to the power of Adam's updates and one
_EXPANSIONS = {"subpixel": "subpixel_reshape", "deconv": "deconv", "bilinear-conv": "bilinear", "unfold": "unfold"}
_CRITICS = {"D_global": "global", "D_context": "context"}

# What the variables leave open follows the paper's settings: ratio -> (known picture, placement).
PAPER_SETTINGS: dict[Size, tuple[Size, str]] = {
    (2, 2): ((128, 128), "random"),
    (1, 2): ((256, 256), "center"),
    (4, 1): ((64, 128), "top"),
}

Shapes = Mapping[str, tuple[int, ...]]


def place(variable: str) -> tuple[str, ...] | None:
    """Returns where a network's variable lies: ("generator", "fen", "conv1", "kernel"), ("global", ...); else None."""
    if variable.count("/") < 2 or not variable.endswith(("/kernel", "/bias")):
        return None
    scope, *layers, leaf = variable.split("/")
    layer = layers[-1] if scope == "discriminator" else layers[0]
    if scope == "inpaint_net":
        if layer.startswith("feat_expansion_"):
            return "generator", "expansion", "conv", leaf
        network = "fen" if layer.startswith("conv") else "cpn"
        return "generator", network, layer, *(["conv"] if layer.endswith("upsample") else []), leaf
    if scope == "discriminator":
        if layer == "dout_global_fc":
            return "global", "dense", leaf
        if layers[0] in _CRITICS:
            return _CRITICS[layers[0]], layer.removeprefix("d"), leaf
    return None


def to_rgb(variable: str, value: np.ndarray) -> np.ndarray:
    """Returns a variable of the release, which works on BGR, for RGB pictures; its own inverse."""
    if variable in ("inpaint_net/allconv17/kernel", "inpaint_net/allconv17/bias"):
        return value[..., ::-1]
    if variable == "inpaint_net/xconv1/kernel":  # sees features, then the picture, then the mask
        return np.concatenate([value[:, :, :-4], value[:, :, -4:-1][:, :, ::-1], value[:, :, -1:]], axis=2)
    if variable.endswith(("/conv1/kernel", "/dconv1/kernel")):
        return value[:, :, ::-1]
    return value


def parameters(variables: Mapping[str, Any], slot: str = "") -> dict[str, Any]:
    """Returns the trees {"generator": ..., "global": ..., "context": ...} of the networks that `variables` holds.

    Args:
      variables: arrays, or anything else, by name; what belongs to no network is left out.
      slot: "" for the parameters themselves, or one of `SLOTS`.
    """
    trees: dict[str, Any] = {}
    for variable, value in variables.items():
        path = place(variable.removesuffix(slot)) if variable.endswith(slot) else None
        if path is None:
            continue
        node = trees
        for parent in path[:-1]:
            node = node.setdefault(parent, {})
        node[path[-1]] = value
    return trees


@dataclass(frozen=True)
class Asked:
    """What the user said of the checkpoint; None where nothing was said."""

    model: str | None = None  # "srn" or "srn_hr"
    ratio: Size | None = None
    known: Size | None = None
    placement: str | None = None
    normalization: str | None = None
    rho: float | None = None


@dataclass(frozen=True)
class Architecture:
    """What a checkpoint is of.

    Attributes:
      generator: the module.
      critics: the modules of both critics; {} where the checkpoint has none.
      known, canvas: sizes in pixels.
      placement: a name in `geometry.PLACEMENTS`.
      assumed: in words, what the variables do not tell.
    """

    generator: nn.Module
    critics: dict[str, nn.Module]
    known: Size
    canvas: Size
    placement: str
    assumed: list[str]


def read_architecture(shapes: Shapes, asked: Asked) -> Architecture:
    """Returns the architecture that the variables' shapes tell, together with what the user said.

    Raises:
      InputError: no generator of the release; shapes that do not fit together, or not what was asked for.
    """
    generator = {name: shape for name, shape in shapes.items() if (place(name) or ("",))[0] == "generator"}
    first = generator.get("inpaint_net/conv1/kernel")
    if first is None or len(first) != 4 or first[-1] < 2:
        some = ", ".join(list(shapes)[:3])
        raise InputError(
            f"this is no checkpoint of the release: it lacks inpaint_net/conv1/kernel, and has {some}, ..."
        )
    kind = {m[1] for name in generator if (m := re.match(r"inpaint_net/feat_expansion_([^/]+)/", name))}
    found, width, assumed = "srn" if kind else "srn_hr", first[-1], []
    if asked.model not in (None, found):
        raise InputError(
            f"--model is {_flag(asked.model)}, but the variables are those of {_flag(found)}: feature expansion "
            f"is {'there' if kind else 'missing'}; leave --model out, or give another checkpoint"
        )
    if len(kind) > 1 or not kind <= _EXPANSIONS.keys():
        raise InputError(f"the feature expansion is {', '.join(sorted(kind))}; known are {', '.join(_EXPANSIONS)}")
    expansion = next(iter(kind), None)
    ratio = _ratio(expansion, generator, width, asked, assumed)
    critics, area = _critics(shapes)
    known, canvas = _sizes(ratio, area, asked, assumed)
    if asked.placement is None:
        placement = PAPER_SETTINGS.get(ratio, ((), "random"))[1]
        assumed.append(f"placement {placement} (--placement)")
    else:
        placement = asked.placement
    common = {"width": width, "normalization": asked.normalization or "release", "rho": 0.5}
    if asked.rho is not None:
        common["rho"] = asked.rho
    if asked.normalization is None:
        assumed.append(f"context normalization, rho {common['rho']} (--normalization, --rho)")
    module = SRN(ratio=ratio, expansion=_EXPANSIONS[expansion], **common) if expansion else SRNHR(**common)
    _check_shapes("generator", module, canvas, shapes)
    for name, critic in critics.items():
        _check_shapes(name, critic, canvas, shapes)
    return Architecture(module, critics, known, canvas, placement, assumed)


def _flag(model: str | None) -> str:
    return str(model).replace("_", "-")


def _ratio(kind: str | None, generator: Shapes, width: int, asked: Asked, assumed: list[str]) -> Size:
    """Returns (r1, r2): the sub-pixel convolution has r1 r2 times its input's channels, the others tell nothing."""
    if kind != "subpixel":
        if asked.ratio is None:
            assumed.append("ratio 2x2 (--ratio)")
        return asked.ratio or (2, 2)
    channels = generator.get("inpaint_net/feat_expansion_subpixel/bias", (0,))
    product, rest = divmod(channels[-1] if channels else 0, width)
    fitting = [(r, product // r) for r in range(1, product + 1) if product % r == 0] if product > 1 and not rest else []
    listed = ", ".join(f"{r1}x{r2}" for r1, r2 in fitting) or "none"
    if asked.ratio is not None:
        if asked.ratio not in fitting:
            raise InputError(f"--ratio is {asked.ratio[0]}x{asked.ratio[1]}; these variables take {listed}")
        return asked.ratio
    usual = [ratio for ratio in PAPER_SETTINGS if ratio in fitting]
    if not usual:
        raise InputError(f"the canvas is {product} times the picture, which may be {listed}: give --ratio")
    assumed.append(f"ratio {usual[0][0]}x{usual[0][1]} of {listed} (--ratio)")
    return usual[0]


def _critics(shapes: Shapes) -> tuple[dict[str, nn.Module], int | None]:
    """Returns the critics, and the global one's canvas in units of 16 x 16 pixels."""
    if not any((place(name) or ("",))[0] in CRITICS for name in shapes):
        return {}, None
    needed = ("discriminator/D_global/conv1/kernel", "discriminator/dout_global_fc/kernel")
    for name in needed:
        if not shapes.get(name) or 0 in shapes[name]:
            raise InputError(f"the critics are incomplete: {name} is missing, or empty")
    width = shapes[needed[0]][-1]
    return {name: critic(width=width) for name, critic in CRITICS.items()}, shapes[needed[1]][0] // (2 * width)


def _sizes(ratio: Size, area: int | None, asked: Asked, assumed: list[str]) -> tuple[Size, Size]:
    """Returns known size and canvas: as asked for, else the paper's, scaled to the global critic's canvas."""
    if asked.known and any(side % 4 for side in asked.known):
        raise InputError(f"--known is {asked.known[0]}x{asked.known[1]}; its sides are multiples of 4")
    known = asked.known or PAPER_SETTINGS.get(ratio, ((128, 128), ""))[0]
    canvas = known[0] * ratio[0], known[1] * ratio[1]
    if area is not None and _blocks(canvas) != area:
        scale = (area / _blocks(canvas)) ** 0.5
        scaled = round(known[0] * scale), round(known[1] * scale)
        fits = _blocks((scaled[0] * ratio[0], scaled[1] * ratio[1])) == area and not any(side % 4 for side in scaled)
        if asked.known or not fits:
            raise InputError(
                f"known {known[0]}x{known[1]} on a canvas of {canvas[0]}x{canvas[1]} does not fit the global critic, "
                f"whose canvas has {area * 256} pixels: give --known, height x width in pixels"
            )
        known, canvas = scaled, (scaled[0] * ratio[0], scaled[1] * ratio[1])
    if asked.known is None:
        assumed.append(f"known picture {known[0]}x{known[1]} (--known)")
    return known, canvas


def _blocks(canvas: Size) -> int:
    return -(-canvas[0] // 16) * -(-canvas[1] // 16)


def _check_shapes(name: str, module: nn.Module, canvas: Size, shapes: Shapes) -> None:
    """Raises InputError where `module`'s parameters are not those of the checkpoint."""
    expected = _shapes(parameter_shapes(module, canvas))
    variables = {".".join(path[1:]): variable for variable in shapes if (path := place(variable)) and path[0] == name}
    for path in sorted(expected.keys() | variables.keys()):
        variable = variables.get(path)
        if path not in expected:
            raise InputError(f"the {name} has {variable}, which the release's has not")
        if variable is None:
            raise InputError(f"the {name} is incomplete: it lacks {path}")
        if tuple(shapes[variable]) != expected[path]:
            raise InputError(
                f"{variable} has shape {tuple(shapes[variable])}; beside the others it takes {expected[path]}"
            )


def _shapes(tree: Params) -> dict[str, tuple[int, ...]]:
    return {name: leaf.shape for name, leaf in by_name(tree).items()}


def missing_slots(names: Iterable[str], networks: Iterable[str]) -> list[str]:
    """Returns which of Adam's moments of `networks`, such as ("global", "context"), a checkpoint lacks."""
    names, networks = set(names), set(networks)
    owned = [name for name in names if (place(name) or ("",))[0] in networks]
    return sorted(name + slot for name in owned for slot in SLOTS.values() if name + slot not in names)
