"""Every setting of an experiment, its default and its check; the command line that overrides them."""

from srn_jax.config.checks import check
from srn_jax.config.names import fields_of, former_names, get_setting, set_settings
from srn_jax.config.numerics import NUMERICS, resolve
from srn_jax.config.rules import AUTO
from srn_jax.config.settings import (
    AS_NUMERICS,
    Adam,
    Compute,
    Config,
    Critic,
    Data,
    Geometry,
    Loss,
    Model,
    Phase,
    Run,
    feature_layers,
    ratio,
)

__all__ = [
    "AS_NUMERICS",
    "AUTO",
    "NUMERICS",
    "Adam",
    "Compute",
    "Config",
    "Critic",
    "Data",
    "Geometry",
    "Loss",
    "Model",
    "Phase",
    "Run",
    "check",
    "feature_layers",
    "fields_of",
    "former_names",
    "get_setting",
    "ratio",
    "resolve",
    "set_settings",
]
