"""Settings by their dotted names, such as "model.width"."""

import dataclasses
from collections.abc import Mapping
from functools import reduce
from typing import Any

from srn_jax.config.rules import Formerly
from srn_jax.config.settings import Config


def fields_of(config: Config) -> dict[str, "dataclasses.Field[Any]"]:
    """Returns the field of every setting, by name, in the order in which they are declared."""
    return dict(_walk(config, ""))


def _walk(section: Any, prefix: str) -> list[tuple[str, "dataclasses.Field[Any]"]]:
    found = []
    for field in dataclasses.fields(section):
        value, name = getattr(section, field.name), f"{prefix}{field.name}"
        found += _walk(value, f"{name}.") if dataclasses.is_dataclass(value) else [(name, field)]
    return found


def former_names() -> dict[str, str]:
    """Returns what settings were called -> what they are called now."""
    sections = {field.name: getattr(Config(), field.name) for field in dataclasses.fields(Config)}
    return {
        f"{section}.{name}": f"{section}.{attribute.now}"
        for section, settings in sections.items()
        for name, attribute in vars(type(settings)).items()
        if isinstance(attribute, Formerly)
    }


def get_setting(config: Config, name: str) -> Any:
    """Returns the value of the setting called `name`."""
    return reduce(getattr, name.split("."), config)


def set_settings(config: Config, values: Mapping[str, Any]) -> None:
    """Sets `values` by name, in place."""
    for name, value in values.items():
        section, _, setting = name.rpartition(".")
        setattr(get_setting(config, section) if section else config, setting, value)
