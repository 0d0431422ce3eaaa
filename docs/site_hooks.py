"""Hooks of mkdocs: what the site shows of files outside of docs/, the notebook, and links to source files."""

import os
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from nbconvert import MarkdownExporter
from traitlets.config import Config

_ROOT = Path(__file__).parent.parent
_NOTEBOOK = "extrapolate.ipynb"
# Files outside of docs/ that the site holds too, at the same paths.
_OUTSIDE = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "benchmarks/README.md", "benchmarks/growth.png")
# Of a cell's pictures, which are there as PNG too, the smaller file.
_AS_JPEG = Config(
    NbConvertBase={"display_data_priority": ["image/jpeg", "text/plain"]},
    ExtractOutputPreprocessor={"extract_output_types": {"image/jpeg"}},
)
_CODE = r"^```.*?^```$|``.*?``|`[^`]*`"  # links in code are none
_LINK = r"(?P<picture>!?)\[(?P<text>(?:`[^`]*`|[^\]`])*)\]\((?P<target>[^)\s]+)\)"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Returns the site's files with those outside of docs/, and the notebook as a page with its pictures."""
    for path in _OUTSIDE:
        files.append(File.generated(config, path, abs_src_path=str(_ROOT / path)))
    name = Path(_NOTEBOOK).stem
    exporter = MarkdownExporter(config=_AS_JPEG)
    page, resources = exporter.from_filename(
        str(_ROOT / "docs" / _NOTEBOOK), resources={"output_files_dir": name, "unique_key": name}
    )
    files.append(File.generated(config, f"{name}.md", content=page))
    for path, content in resources["outputs"].items():
        files.append(File.generated(config, path, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Returns a page whose links lead within the site; a file that the site does not hold is named, as code."""
    del config
    uri = page.file.src_uri
    folder = (_ROOT if uri in _OUTSIDE else _ROOT / "docs").joinpath(uri).parent

    def lead(found: re.Match[str]) -> str:
        if found["target"] is None or re.match(r"[a-z]+:|#", found["target"]):
            return found[0]
        path, hash_, anchor = found["target"].partition("#")
        there = Path(os.path.normpath(folder / path))
        if (place := _place(there)) not in files.src_uris:
            return f"`{there.relative_to(_ROOT)}`"
        target = os.path.relpath(place, Path(uri).parent)
        return f"{found['picture']}[{found['text']}]({target}{hash_}{anchor})"

    return re.sub(f"{_CODE}|{_LINK}", lead, markdown, flags=re.DOTALL | re.MULTILINE)


def _place(file: Path) -> str:
    """Returns where the site holds a file of the repository, if it does: those of docs/ at its root."""
    if file == _ROOT / "docs" / _NOTEBOOK:
        return str(Path(_NOTEBOOK).with_suffix(".md"))
    inside = file.is_relative_to(_ROOT / "docs")
    return file.relative_to(_ROOT / "docs" if inside else _ROOT).as_posix()
