"""The site of the documents: it builds without a warning, fetches nothing, and describes every public name."""

import html
import inspect
import os
import re
import subprocess
import sys
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

import srn_jax
from srn_jax.config import settings

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site, built with warnings as errors: links, anchors, docstrings that do not fit their functions."""
    for module in ("mkdocs", "material", "mkdocstrings_handlers.python", "nbconvert"):
        pytest.importorskip(module)
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": "."})
    assert done.returncode == 0, done.stderr
    return folder


def words(page: Path) -> str:
    """Returns a page's text without its tags, as `h w` blanks single."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", page.read_text())).split())


def test_the_reference_has_every_public_name_with_its_arguments(site):
    page = (site / "api.html").read_text()
    for name in srn_jax.__all__:
        found = re.search(rf'id="srn_jax\.{name}".*?(?=<h[23] |</article>)', page, re.DOTALL)
        assert found, name
        entry = html.unescape(re.sub(r"<[^>]+>", "", found[0]))
        described = getattr(srn_jax, name)
        if inspect.isclass(described):
            arguments = [each for each in getattr(described, "__annotations__", {}) if each not in ("parent", "name")]
        else:
            arguments = list(inspect.signature(described).parameters)
        assert [argument for argument in arguments if not re.search(rf"\b{argument}\b", entry)] == [], name


def test_the_reference_has_every_setting_with_its_comment(site):
    text = words(site / "settings.html")
    config = settings.Config()
    sections = [one for field in fields(config) if is_dataclass(one := getattr(config, field.name))]
    for section in (config, *sections):
        source = inspect.getsource(type(section))
        for field in fields(section):
            comment = re.search(rf"^    {field.name}: .*  # (.+)$", source, re.MULTILINE)
            assert re.search(rf"\b{field.name}\b", text), field.name
            assert not comment or comment[1].replace("`", "") in text, field.name
    assert 'masks_per_batch str "one"; "one" for the whole batch' in text  # the default alone, and what stands above it
    assert "setting(" not in text


def test_every_page_is_there_and_fetches_nothing(site):
    pages = [path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")]
    others = ("index.html", "CHANGELOG.html", "CONTRIBUTING.html", "benchmarks/index.html", "extrapolate.html")
    assert [str(page) for page in (*pages, *others) if not (site / page).is_file()] == []
    for page in site.rglob("*.html"):
        loaded = re.findall(r'<(?:script|img|iframe|source)[^>]*\ssrc="([^"]+)"', page.read_text())
        loaded += re.findall(r'<link[^>]*\shref="([^"]+)"', page.read_text())
        assert [source for source in loaded if re.match(r"(https?:)?//", source)] == [], page
    assert "data:image" not in (site / "extrapolate.html").read_text()
    assert len(list((site / "extrapolate").glob("*.jpg"))) == 3
