"""An extension of griffe, which reads the API's pages from the source, for two ways in which docstrings are written."""

import re
from typing import Any

from griffe import Attribute, Class, Docstring, Extension, Function


class HouseStyle(Extension):
    """Reads a setting's comment as its docstring, and `left, right: [h, w, 3]` as what both arguments are."""

    def on_attribute(self, *, attr: Attribute, **kwargs: Any) -> None:
        """Gives an attribute without a docstring its comment, `name: type = default  # what it means`."""
        del kwargs
        line = "" if attr.lineno is None else attr.lines_collection[attr.filepath][attr.lineno - 1]
        if not attr.has_docstring and (comment := re.search(r"  # (.+)$", line)):
            attr.docstring = Docstring(comment[1], lineno=attr.lineno, parent=attr)

    def on_function(self, *, func: Function, **kwargs: Any) -> None:
        """Parts arguments that a docstring describes together: each gets the description."""
        del kwargs
        _part(func.docstring, {parameter.name for parameter in func.parameters})

    def on_class(self, *, cls: Class, **kwargs: Any) -> None:
        """Parts attributes likewise."""
        del kwargs
        _part(cls.docstring, set(cls.members))


def _part(docstring: Docstring | None, known: set[str]) -> None:
    if docstring is None:
        return

    def part(found: re.Match[str]) -> str:
        names = found["names"].split(", ")
        return (
            "".join(f"{found['indent']}{name}: {found['text']}" for name in names) if known >= set(names) else found[0]
        )

    entry = r"^(?P<indent> +)(?P<names>\w+(?:, \w+)+): (?P<text>.*(?:\n|\Z)(?:^(?P=indent) +.*(?:\n|\Z))*)"
    docstring.value = re.sub(entry, part, docstring.value, flags=re.MULTILINE)
