"""Where paper and release differ: the one switch. Released weights give the authors' pixels under "release"."""

import copy
from typing import Any

from srn_jax.config.checks import check
from srn_jax.config.names import fields_of, get_setting, set_settings
from srn_jax.config.settings import AS_NUMERICS, Config
from srn_jax.errors import pick

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
    values = {name: get_setting(config, name) for name in fields_of(config)}
    # NumPy's numbers are none that JSON takes.
    set_settings(config, {name: value.item() for name, value in values.items() if hasattr(value, "dtype")})
    filled_in = pick(NUMERICS, config.numerics, "numerics")
    set_settings(config, {name: value for name, value in filled_in.items() if values[name] is AS_NUMERICS})
    check(config)
    return config
