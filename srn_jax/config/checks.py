"""Whether settings fit: each its own rules, which stand beside it, and several together."""

from srn_jax.config.names import fields_of, get_setting
from srn_jax.config.rules import MOST, rules_of
from srn_jax.config.settings import Config
from srn_jax.errors import InputError, brief
from srn_jax.geometry.placement import BETWEEN


def check(config: Config) -> None:
    """Raises InputError, one line, where numbers do not fit together; names are checked where they are looked up."""
    for name, field in fields_of(config).items():
        for rule in rules_of(field):
            _require(rule.holds(get_setting(config, name)), config, name, rule.words)
    _check_geometry(config)
    for term in ("mrf", "style"):
        layers, needed = getattr(config.loss, f"{term}_layers"), getattr(config.loss, f"lambda_{term}") > 0.0
        _require(len(layers) > 0 or not needed, config, f"loss.{term}_layers", "names of VGG-19's layers")
    _check_steps(config)


def _check_geometry(config: Config) -> None:
    known, canvas = config.geometry.known, config.geometry.canvas
    if known[0] > canvas[0] or known[1] > canvas[1] or known == canvas:
        raise InputError(f"geometry.known {known} must be smaller than geometry.canvas {canvas}")
    if config.model.name == "srn" and (canvas[0] % known[0] or canvas[1] % known[1]):
        raise InputError(
            f"geometry.canvas {canvas} is no whole multiple of geometry.known {known}: SRN enlarges each side by a "
            f"whole number, so {tuple(k * max(1, round(c / k)) for k, c in zip(known, canvas, strict=True))} would do"
        )
    if config.geometry.placement in BETWEEN and known[1] % 8:
        raise InputError(
            f"geometry.known is {known} and geometry.placement {config.geometry.placement!r}, whose halves' widths "
            f"must be multiples of 4, so that the width is one of 8, such as {-(-known[1] // 8) * 8}"
        )
    if config.geometry.placement in BETWEEN and known[1] == canvas[1]:
        raise InputError(
            f"geometry.known {known} is as wide as geometry.canvas {canvas}: for geometry.placement "
            f"{config.geometry.placement!r} the canvas must be wider, since the gap lies between known's halves"
        )


def _check_steps(config: Config) -> None:
    for name in ("reconstruction", "adversarial"):
        phase = getattr(config, name)
        fits = isinstance(phase.warmup_steps, int) and 0 <= phase.warmup_steps <= phase.steps
        _require(fits, config, f"{name}.warmup_steps", f"in 0..{name}.steps, a whole number")
    steps = config.reconstruction.steps + config.adversarial.steps
    _require(steps > 0, config, "reconstruction.steps", "at least 1")
    # Updates are counted in int32, of the critics too.
    updates = config.reconstruction.steps + config.adversarial.steps * config.critic.updates
    _require(max(steps, updates) <= MOST, config, "reconstruction.steps", f"with all others up to {MOST:,} updates")


def _require(holds: bool, config: Config, name: str, wanted: str) -> None:
    if not holds:
        raise InputError(f"{name} is {brief(get_setting(config, name))}; it takes {wanted}")
