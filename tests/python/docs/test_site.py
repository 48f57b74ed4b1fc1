"""The site builds without a warning, no link of it is broken, and the tutorial's notebooks run."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from support import ROOT

DOCS = ROOT / "docs"
TUTORIAL = sorted(path for path in (DOCS / "tutorial").glob("*.md") if path.stem != "index")


class Links(HTMLParser):
    """What a page points to, and what can be pointed to in it."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.out: list[str] = []
        self.anchors = {"", "top"}
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.out.append(value)
            elif name == "id" and value:
                self.anchors.add(value)


def broken(page: Path, found: dict[Path, Links]) -> list[str]:
    """A page's links that lead nowhere within the site, or are no sound address."""
    wrong = []
    for link in found[page].out:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            if parts.scheme not in ("https", "data") or not (parts.netloc or parts.path):
                wrong.append(link)
            continue
        target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        if not target.is_file() or (
            target in found and parts.fragment not in found[target].anchors
        ):
            wrong.append(link)
    return wrong


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as ``make docs`` builds it, of a copy of the pages."""
    for package in ("sphinx", "myst_parser", "numpydoc", "pydata_sphinx_theme", "nbformat"):
        pytest.importorskip(package)
    root = tmp_path_factory.mktemp("site")
    left_out = shutil.ignore_patterns("generated", "notebooks", "__pycache__")
    shutil.copytree(DOCS, root / "docs", ignore=left_out)
    for name in ("CHANGELOG.md", "CONTRIBUTING.md"):
        shutil.copy(ROOT / name, root)
    (recipe,) = re.findall(
        r"python -m (sphinx .*) docs build/docs", (ROOT / "Makefile").read_text(encoding="utf-8")
    )
    built = subprocess.run(
        [sys.executable, "-m", *recipe.split(), "docs", "build"],
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr[-5000:]
    return root / "build"


def test_no_link_is_broken(site: Path) -> None:
    found = [page for page in site.rglob("*.html") if "_static" not in page.parts]
    pages = {page.resolve(): Links(page) for page in found}
    assert len(pages) > 150
    wrong = {page.name: links for page in pages if (links := broken(page, pages))}
    assert not wrong


def test_a_broken_link_would_be_found(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    links = [
        "other.html",
        "#there",
        "#not-there",
        "page.html#there",
        "http://a.example",
        "https://",
    ]
    page.write_text('<h1 id="there">' + "".join(f'<a href="{link}">' for link in links))
    found = {page: Links(page)}
    assert broken(page, found) == ["other.html", "#not-there", "http://a.example", "https://"]


def test_the_search_needs_no_server(site: Path) -> None:
    """Its index is a script that the page of the search loads, and it knows our words."""
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    assert index.startswith("Search.setIndex(")
    assert "quantil" in index  # by its stem
    assert "searchindex.js" in (site / "search.html").read_text(encoding="utf-8")


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.search(r'<(script|link|img)\b[^>]*(src|href)="(https?:)?//', text), page


@pytest.mark.parametrize("page", TUTORIAL, ids=lambda path: path.stem)
def test_a_notebook_runs(page: Path, site: Path, tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    # Behind a number that tells its content, as every file to download is.
    (path,) = (site / "_downloads").rglob(f"{page.stem}.ipynb")
    notebook: Any = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(code) == page.read_text(encoding="utf-8").count("```python")
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=120, resources=resources).execute()
