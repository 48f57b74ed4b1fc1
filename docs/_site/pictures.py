"""The gallery: each script of docs/gallery draws a picture, and becomes a page with it."""

import ast
import runpy
from pathlib import Path

FOLDER = "gallery"
PAGE = """# {title}

{words}

:::{{image}} {stem}.png
:alt: {title}
:class: picture
:::

```python
{code}
```
"""
CARD = """:::{{container}} card
[![{title}](generated/{stem}.png)](generated/{stem}.md)

[{title}](generated/{stem}.md)
:::
"""


def draw(script, picture):
    """Run a script; its ``figure`` becomes the picture."""
    import matplotlib as mpl

    mpl.use("Agg")
    with mpl.rc_context({"font.size": 9, "figure.constrained_layout.use": True}):
        runpy.run_path(str(script))["figure"].savefig(
            picture, dpi=160, bbox_inches="tight", pad_inches=0.1
        )


def title_and_words(code):
    """The first line of a script's docstring, and what follows."""
    title, _, words = ast.get_docstring(ast.parse(code)).partition("\n")
    return title.rstrip("."), words.strip()


def build(app):
    """Draw what is older than its script, and write the pages."""
    folder = Path(app.srcdir) / FOLDER
    generated = folder / "generated"
    generated.mkdir(exist_ok=True)
    scripts = sorted(folder.glob("*.py"))
    for page in generated.glob("*.md"):  # of a script that there was once
        if page.stem not in {script.stem for script in scripts}:
            page.unlink()
    cards = []
    for script in scripts:
        code = script.read_text(encoding="utf-8")
        title, words = title_and_words(code)
        picture = generated / f"{script.stem}.png"
        if not picture.exists() or picture.stat().st_mtime < script.stat().st_mtime:
            draw(script, picture)
        code = code.partition('"""\n\n')[2].strip()
        page = PAGE.format(title=title, words=words, stem=script.stem, code=code)
        (generated / f"{script.stem}.md").write_text(page, encoding="utf-8")
        cards.append(CARD.format(title=title, stem=script.stem))
    (generated / "cards.txt").write_text("\n".join(cards), encoding="utf-8")


def setup(app):
    """Register with Sphinx."""
    app.connect("builder-inited", build)
    return {"parallel_read_safe": True}
