"""What the documents promise: the notebook runs, links lead somewhere, and each page has a picture."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
NOTEBOOK = ROOT / "docs" / "extrapolate.ipynb"
PAGES = [ROOT / "README.md", ROOT / "benchmarks" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def links(text: str) -> list[str]:
    """Returns the targets within the repository, of links and of pictures; code is none of them."""
    words = re.sub(r"^```.*?^```$|^    .*?$|`[^`]+`", "", text, flags=re.DOTALL | re.MULTILINE)
    targets = re.findall(r"\]\(([^)\s]+)\)", words)
    return [target.split("#")[0] for target in targets if not re.match(r"https?://|#", target)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere_and_there_is_a_picture(page):
    text = page.read_text()
    assert [link for link in links(text) if not (page.parent / link).exists()] == []
    assert re.search(r"!\[[^\]]{10,}\]\([^)]+\.(png|jpg|svg)\)", text)


def test_links_of_the_notebook_lead_somewhere():
    words = "".join("".join(cell["source"]) for cell in json.loads(NOTEBOOK.read_text())["cells"])
    assert [link for link in links(words) if not (NOTEBOOK.parent / link).exists()] == []


def test_the_notebook_is_kept_with_what_it_printed():
    cells = [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == [*range(1, len(cells) + 1)]
    kinds = {output["output_type"] for cell in cells for output in cell["outputs"]}
    assert kinds <= {"stream", "execute_result"}


def kinds_of_output(cells: list[Any]) -> list[set[str]]:
    """Returns them of each cell of code; what is printed may come in several pieces."""
    return [{output.output_type for output in cell.outputs} for cell in cells if cell.cell_type == "code"]


@pytest.mark.slow
def test_the_notebook_runs(monkeypatch):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # also where the package is not installed
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    kept = kinds_of_output(notebook.cells)
    nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": NOTEBOOK.parent}}).execute()
    assert kinds_of_output(notebook.cells) == kept
    pictures = [out for cell in notebook.cells for out in cell.get("outputs", []) if "image/png" in out.get("data", {})]
    assert len(pictures) == 3
