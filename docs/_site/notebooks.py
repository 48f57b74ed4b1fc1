"""A notebook of each page of the tutorial, to download: prose and code, cell by cell."""

import re
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

# A block, and what it prints, which is left out: running the notebook prints it.
CODE = re.compile(r"^```python\n(.*?)^```$(?:\n\n^```text\n.*?^```$)?", re.MULTILINE | re.DOTALL)
FOLDER = "tutorial"


def notebook_of(page):
    """The cells of a page of Markdown, without outputs; running it makes them."""
    cells = []
    for number, part in enumerate(CODE.split(page)):
        text = part.strip()
        if text:
            kind = new_code_cell if number % 2 else new_markdown_cell
            cells.append(kind(text, id=f"cell-{len(cells)}"))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


def pages(docs):
    """Every page of the tutorial but the one that lists them."""
    return sorted(path for path in (docs / FOLDER).glob("*.md") if path.stem != "index")


def write_all(app):
    """Write one notebook a page, where the page's link finds it."""
    docs = Path(app.srcdir)
    folder = docs / FOLDER / "notebooks"
    folder.mkdir(exist_ok=True)
    for path in pages(docs):
        notebook = notebook_of(path.read_text(encoding="utf-8"))
        nbformat.write(notebook, folder / f"{path.stem}.ipynb")


def link(app, docname, source):
    """Put the link to the notebook under a page's title."""
    folder, _, stem = docname.rpartition("/")
    if folder == FOLDER and stem != "index":
        title, _, rest = source[0].partition("\n")
        source[0] = (
            f"{title}\n\n{{download}}`This page as a notebook <notebooks/{stem}.ipynb>`\n{rest}"
        )


def setup(app):
    """Register with Sphinx."""
    app.connect("builder-inited", write_all)
    app.connect("source-read", link)
    return {"parallel_read_safe": True}
