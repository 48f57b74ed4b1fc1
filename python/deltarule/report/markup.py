"""Elements of HTML and SVG: what is not markup already is escaped, wherever it comes from."""

from __future__ import annotations

import re
from html import escape

# No text has them in XML, and browsers show them as nothing or as a fault.
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_EMPTY = frozenset({"meta", "br", "rect", "line", "path", "circle", "polyline"})


class Markup(str):
    """Text that is HTML, and goes to the page as it is."""

    __slots__ = ()


def text(value: object) -> Markup:
    """Anything as a text of the page; what is markup stays as it is."""
    if isinstance(value, Markup):
        return value
    return Markup(escape(_NO_TEXT.sub("\ufffd", str(value)), quote=True))


def tag(name: str, *children: object, **attributes: object) -> Markup:
    """An element; ``class_`` is the attribute class, ``stroke_width`` is stroke-width.

    An attribute of None is left out, one of True has no value.

    Examples
    --------
    >>> tag("p", "1 < 2 ", tag("b", "true"), class_="note")
    '<p class="note">1 &lt; 2 <b>true</b></p>'
    """
    told = ""
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip("_").replace("_", "-")
        told += f" {key}" if value is True else f' {key}="{text(value)}"'
    if name in _EMPTY:
        return Markup(f"<{name}{told}/>")
    return Markup(f"<{name}{told}>{joined(*children)}</{name}>")


def joined(*children: object) -> Markup:
    """Several things, one after the other."""
    return Markup("".join(text(child) for child in children))
