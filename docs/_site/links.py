"""Links that are right on the project's own page, where they lead elsewhere on the site."""

import re

# Pages of the root, as the site includes them; and one whose name is that of Sphinx's own page.
ROOT = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
ROOT |= {"README.md": "index.md", "LICENSE": "https://opensource.org/license/bsd-3-clause"}
PAGE = re.compile(r"(?:``)?\bdocs/(\w+)(?:\.md)?(?:``)?")
MOVED = {"search.md": "searching.md"}


def read(app, docname, source):
    """Redirect the links of a page of docs/, however deep."""
    up = "../" * docname.count("/")
    for name, page in ROOT.items():
        source[0] = source[0].replace(f"]({up}../{name}", f"]({up}{page}")
    for name, page in MOVED.items():
        source[0] = re.sub(rf"\]\({up}{name}(?=[)#])", f"]({up}{page}", source[0])


def include(app, path, docname, source):
    """Redirect those of a page of the root, which a page right in docs/ includes."""
    text = source[0].replace("](docs/", "](")
    for name, page in (ROOT | MOVED).items():
        text = text.replace(f"]({name}", f"]({page}")
    source[0] = text


def in_docstring(app, what, name, value, options, lines):
    """Make a link of a page that a docstring names."""
    for i, line in enumerate(lines):
        lines[i] = PAGE.sub(r":doc:`docs/\1 </\1>`", line)


def setup(app):
    """Register with Sphinx."""
    app.connect("autodoc-process-docstring", in_docstring)
    app.connect("source-read", read)
    app.connect("include-read", include)
    return {"parallel_read_safe": True}
