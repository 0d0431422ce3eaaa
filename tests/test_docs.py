"""What the documents promise: the notebook runs, links lead somewhere, what is named exists, pages have a picture."""

import dataclasses
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from srn_jax import config as settings
from tests.programs import environment
from tests.test_imports import FORBIDDEN, LAYERS

ROOT = Path(__file__).parent.parent
NOTEBOOK = ROOT / "docs" / "extrapolate.ipynb"
ILLUSTRATED = [ROOT / "README.md", ROOT / "benchmarks" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES = [*ILLUSTRATED, ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md"]
LONGEST = 110  # characters of a line of prose


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def without_blocks(text: str) -> str:
    """Returns a page without its blocks of code."""
    return re.sub(r"^```.*?^```$|^    .*?$", "", text, flags=re.DOTALL | re.MULTILINE)


def links(text: str) -> list[str]:
    """Returns the targets within the repository, of links and of pictures; code is none of them."""
    targets = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]+`", "", without_blocks(text)))
    return [target for target in targets if not re.match(r"https?://", target)]


def anchors(text: str) -> set[str]:
    """Returns what the page's headings are called in links: in small letters, with - for blanks, without the rest."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def leads_somewhere(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    there = page.parent / path if path else page
    if anchor.startswith("srn_jax."):  # of the API's pages, which the site makes: test_site.py follows it
        return f"::: {anchor}" in there.read_text()
    return there.exists() and (not anchor or anchor in anchors(there.read_text()))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    assert [link for link in links(page.read_text()) if not leads_somewhere(page, link)] == []


def test_links_of_the_notebook_lead_somewhere():
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    words = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    found = links(words)
    assert found
    assert [link for link in found if not leads_somewhere(NOTEBOOK, link)] == []


@pytest.mark.parametrize("page", ILLUSTRATED, ids=name_of)
def test_pages_have_a_picture(page):
    assert re.search(r"!\[[^\]]{10,}\]\([^)]+\.(png|jpg|svg)\)", page.read_text())


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_lines_of_prose_are_short(page):
    lines = without_blocks(page.read_text()).splitlines()
    may_be_long = re.compile(r"\||!\[|\[[^\]]+\]: |\S+$")  # tables, pictures, where links lead, what has no blank
    assert [line for line in lines if len(line) > LONGEST and not may_be_long.match(line.strip())] == []


def pages_of(navigation: Any) -> list[str]:
    """Returns the pages in a part of mkdocs' navigation."""
    if isinstance(navigation, str):
        return [navigation]
    parts = navigation.values() if isinstance(navigation, dict) else navigation
    return [page for part in parts for page in pages_of(part)]


def test_every_page_is_in_the_navigation_of_the_site():
    yaml = pytest.importorskip("yaml")
    listed = pages_of(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])
    places = [page.relative_to(ROOT / "docs" if page.is_relative_to(ROOT / "docs") else ROOT) for page in PAGES]
    assert sorted(listed) == sorted([*map(str, places), "extrapolate.md"])  # the last one is made of the notebook


def test_the_readme_is_short_and_tells_how_to_test():
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len(lines) < 130
    # As .ci/run reads it.
    block = lines[lines.index("```sh", lines.index("## Tests")) + 1 :]
    assert block[: block.index("```")][-1].endswith("pytest")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_files_and_programs_that_are_named_exist(page):
    text = page.read_text()
    paths = re.findall(
        r"(?<![\w./-])((?:srn_jax|tests|configs|benchmarks|launch|docs)/[\w./-]+\.(?:py|md|sh|sbatch))", text
    )
    paths += re.findall(r"`([\w./-]+/[\w.-]+\.py|test_\w+\.py)`", text)
    paths = [path for path in paths if not re.search(r"\b(NAME|SUBJECT)", path.replace("_", " "))]
    folders = [ROOT, ROOT / "srn_jax", ROOT / "tests", page.parent]
    assert sorted({path for path in paths if not any((folder / path).exists() for folder in folders)}) == []
    modules = {name.replace(".", "/") for name in re.findall(r"python -m ((?:srn_jax|benchmarks|docs)\b[\w.]*)", text)}
    runnable = ("{}.py", "{}/__main__.py")
    assert sorted(name for name in modules if not any((ROOT / form.format(name)).exists() for form in runnable)) == []


def setting_exists(name: str) -> bool:
    section: Any = settings.Config()
    *sections, last = name.split(".")
    for step in sections:
        section = getattr(section, step, None)
    return dataclasses.is_dataclass(section) and last in {field.name for field in dataclasses.fields(section)}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_settings_that_are_named_exist(page):
    names = re.findall(r"--config\.([\w.]+)=", page.read_text())
    assert [name for name in names if not setting_exists(name)] == []


def test_tests_that_robustness_names_exist():
    text = (ROOT / "docs" / "robustness.md").read_text()
    named = [
        (file, name)
        for file, names in re.findall(r"`(test_\w+\.py)`: ((?:`\w+`(?:, )?)+)", text)
        for name in re.findall(r"\w+", names)
    ]
    assert len(named) > 40
    assert [f"{file}: {name}" for file, name in named if not holds_test(file, name)] == []


def holds_test(file: str, name: str) -> bool:
    path = ROOT / "tests" / file
    return path.exists() and f"\ndef test_{name}(" in path.read_text()


def test_the_table_of_rooms_is_that_which_the_imports_are_held_to():
    text = (ROOT / "docs" / "architecture.md").read_text()
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| .+ \|(.*)\|$", text, re.MULTILINE)
    layers = [{room for number, room, _ in rows if int(number) == layer} for layer in range(1, len(LAYERS) + 1)]
    assert layers == [set(layer) for layer in LAYERS]
    assert {room: set(re.findall(r"`(\w+)`", never)) for _, room, never in rows if never.strip()} == {
        room: set(never) for room, never in FORBIDDEN.items()
    }


def test_the_citation_and_the_changelog_know_the_version():
    yaml = pytest.importorskip("yaml")
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == version
    assert {"cff-version", "message", "title", "authors", "license", "references"} <= citation.keys()
    released = re.findall(r"^## \[([\d.]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert released[0] == version


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
    monkeypatch.setenv("XLA_FLAGS", environment(1, optimized=True)["XLA_FLAGS"])  # it makes detail, of a photograph
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    kept = kinds_of_output(notebook.cells)
    nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": NOTEBOOK.parent}}).execute()
    assert kinds_of_output(notebook.cells) == kept
    pictures = [out for cell in notebook.cells for out in cell.get("outputs", []) if "image/png" in out.get("data", {})]
    assert len(pictures) == 3
