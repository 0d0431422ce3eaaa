"""Shares and their intervals as a drawing within the report."""

import html

from srn_jax.study.preferences import Preference

_WIDTH, _ROW, _LABEL, _EDGE = (
    860.0,
    34.0,
    230.0,
    20.0,
)  # pixels: of all, of a pair's height, of a name, beside the scale
_STYLE = "font: 14px system-ui, sans-serif; max-width: 100%; height: auto"


def chart(compared: list[Preference]) -> str:
    """Returns SVG: a row for each pair that has answers, the share of the first method with its interval.

    The farther to a method's side, the more often it was preferred; an interval across the middle line says nothing.
    """
    rows = [(one, low, high) for one in compared if (low := one.answers.low) is not None and (high := one.answers.high)]
    height = _ROW * len(rows) + 24
    middle = _place(0.5)
    lines = [f'<line x1="{middle}" x2="{middle}" y1="0" y2="{height - 22}" stroke="#9ca3af" stroke-dasharray="4 4"/>']
    for number, (one, low, high) in enumerate(rows):
        y, share = _ROW * number + _ROW / 2, one.answers.some / one.answers.of
        lines += [
            _text(_LABEL - 10, y + 5, one.second, "end"),
            _text(_WIDTH - _LABEL + 10, y + 5, one.first, "start"),
            f'<line x1="{_place(low)}" x2="{_place(high)}" y1="{y}" y2="{y}" stroke="#6366f1" stroke-width="3"/>',
            f'<circle cx="{_place(share)}" cy="{y}" r="6" fill="#6366f1"/>',
        ]
    lines += [_text(_place(share), height - 4, f"{100 * share:.0f} %", "middle") for share in (0.0, 0.5, 1.0)]
    words = "the shares of the table, with their intervals"
    view = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    return f'<svg role="img" aria-label="{words}" {view} style="{_STYLE}">{"".join(lines)}</svg>'


def _place(share: float) -> float:
    return round(_LABEL + _EDGE + share * (_WIDTH - 2 * (_LABEL + _EDGE)), 1)


def _text(x: float, y: float, words: str, anchor: str) -> str:
    short = words if len(words) <= 28 else f"{words[:12]}…{words[-14:]}"
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="#222">{html.escape(short)}</text>'
