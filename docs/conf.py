"""The site: Sphinx, MyST and numpydoc. `make docs` builds it; a warning is an error."""

import sys
from pathlib import Path

import deltarule

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_site"))  # our own extensions, a file each

project = "deltarule"
author = "The deltarule authors"
copyright = f"{author}. BSD 3-Clause licence"  # noqa: A001
version = release = deltarule.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "links",
    "mathml",
    "members",
    "notebooks",
    "pictures",
]
# Sphinx has a search.html already: searching.md includes what stands in search.md.
exclude_patterns = ["_site", "_static", "_templates", "search.md"]
templates_path = ["_templates"]
default_role = "py:obj"  # `Network` in a docstring leads to it
highlight_language = "none"  # an indented block is an equation or a command

# Links within the site go by file, and by the slug of a heading, as on the project's own page.
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "dollarmath"]

autodoc_typehints = "none"  # numpydoc's parameters have them
autodoc_member_order = "bysource"
numpydoc_show_class_members = False  # our template lists them

html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_title = "deltarule"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "header_links_before_dropdown": 7,
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "tango",
    "pygments_dark_style": "monokai",
}
html_sidebars = {"index": [], "getting-started": [], "coming-from/*": []}
html_context = {"default_mode": "auto"}
