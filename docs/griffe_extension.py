"""An extension of griffe, which reads the API's pages from the source, for two ways in which docstrings are written."""

import re
from typing import Any

from griffe import Class, Docstring, Extension, Function, Object

_SETTING = re.compile(
    r"(?P<above>(?:^    # .+\n)*)^    (?P<name>\w+): [^=\n]+ = (?P<default>.+?)(?:  # (?P<comment>.+))?$", re.MULTILINE
)


class HouseStyle(Extension):
    """Reads `name: type = default  # what it means` and `left, right: [h, w, 3]` as they are meant."""

    def on_function(self, *, func: Function, **kwargs: Any) -> None:
        """Parts arguments that a docstring describes together."""
        del kwargs
        _part(func, {parameter.name for parameter in func.parameters})

    def on_class(self, *, cls: Class, **kwargs: Any) -> None:
        """Parts attributes likewise; gives a dataclass of settings a list of them, with default and comment."""
        del kwargs
        _part(cls, set(cls.members))
        rows = [
            f"  {one['name']}: `{_value(one['default'])}`; {_comment(one)}".rstrip("; ")
            for one in _SETTING.finditer(cls.source)
        ]
        if "dataclass" in cls.labels and cls.docstring and rows and "Attributes:" not in cls.docstring.value:
            text = "\n".join([cls.docstring.value, "", "Attributes:", *rows])
            cls.docstring = Docstring(text, lineno=cls.docstring.lineno, parent=cls)


def _value(default: str) -> str:
    default = re.sub(r"field\(default_factory=(\w+)\)", r"\1()", default)
    return re.sub(r"^setting\((\([^)]*\)|[^,]+), .*\)$", r"\1", default)


def _comment(one: re.Match[str]) -> str:
    """Returns what stands behind a setting or, on lines of its own, above it."""
    return one["comment"] or " ".join(re.findall(r"^    # (.+)$", one["above"], re.MULTILINE))


def _part(described: Object, known: set[str]) -> None:
    """Gives each of the names in `known` that a docstring describes together its own description.

    Of `InputError (a ValueError)` the name is left, which becomes a link.
    """
    if described.docstring is None:
        return

    def part(found: re.Match[str]) -> str:
        names = found["names"].split(", ")
        if not known.issuperset(names):
            return found[0]
        return "".join(f"{found['indent']}{name}: {found['text']}" for name in names)

    entry = r"^(?P<indent> +)(?P<names>\w+(?:, \w+)+): (?P<text>.*(?:\n|\Z)(?:^(?P=indent) +.*(?:\n|\Z))*)"
    text = re.sub(entry, part, described.docstring.value, flags=re.MULTILINE)
    described.docstring.value = re.sub(r"^( +\w+Error) \(an? \w+\):", r"\1:", text, flags=re.MULTILINE)
