"""The report: one HTML file that holds its tables and pictures."""

import base64
import html
import io

import numpy as np
from jaxtyping import UInt8
from PIL import Image

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; color: #222 }}
h1 {{ font-size: 1.6rem }} h2 {{ font-size: 1.2rem; margin-top: 2.5rem }}
.wide {{ overflow-x: auto }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; white-space: nowrap }}
th, td {{ padding: .35rem .8rem; border-bottom: 1px solid #ddd; text-align: right }}
th {{ white-space: normal; vertical-align: bottom }}
th:first-child, td:first-child {{ text-align: left }}
tbody tr:first-child {{ font-weight: 600; background: #f4f7fb }}
.even tbody tr:first-child {{ font-weight: inherit; background: none }}
.text td {{ text-align: left; white-space: normal }}
img {{ max-width: 100%; height: auto; border: 1px solid #ddd }}
p {{ max-width: 60rem }} .note {{ color: #555; font-size: .9rem }}
</style></head><body>
{body}
</body></html>
"""


def heading(text: str, level: int = 2) -> str:
    """Returns a heading."""
    return f"<h{level}>{html.escape(text)}</h{level}>"


def paragraph(text: str, kind: str = "") -> str:
    """Returns a paragraph; `kind` "note" is small."""
    return f'<p class="{kind}">{html.escape(text)}</p>' if kind else f"<p>{html.escape(text)}</p>"


def table(rows: list[list[str]], kind: str = "") -> str:
    """Returns a table, its heading first.

    `kind` "text" is for words rather than numbers, "even" for rows of which the first does not stand out.
    """
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in rows[0])
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows[1:])
    return f'<div class="wide"><table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def picture(pixels: UInt8[np.ndarray, "h w 3"], alternative: str) -> str:
    """Returns a picture within the page."""
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, format="PNG", optimize=True)
    data = base64.b64encode(encoded.getvalue()).decode()
    return f'<div class="wide"><img alt="{html.escape(alternative)}" src="data:image/png;base64,{data}"></div>'


def page(title: str, parts: list[str]) -> str:
    """Returns the whole file."""
    return _PAGE.format(title=html.escape(title), body="\n".join([heading(title, 1), *parts]))
