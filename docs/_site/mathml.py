"""Formulas as MathML, which browsers draw by themselves: no script that a network has to bring."""

import re

from docutils.nodes import SkipNode
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

# docutils sets a function's name as tightly as a variable.
FUNCTION = re.compile(r"<mi>(?:log|exp|max|min|sin|cos|tanh)</mi>")
SPACED = r'<mspace width="0.17em"/>\g<0><mspace width="0.17em"/>'
LOGGER = logging.getLogger(__name__)


def render(translator, node):
    """Write a formula, in a line or by itself."""
    try:
        markup = tex2mathml(node.astext(), as_block=node.tagname == "math_block")
    except MathError as error:
        LOGGER.warning("a formula that cannot be read: %s: %s", node.astext(), error, location=node)
    else:
        translator.body.append(FUNCTION.sub(SPACED, markup))
    raise SkipNode


def setup(app):
    """Register with Sphinx."""
    app.add_html_math_renderer("mathml", (render, None), (render, None))
    return {"parallel_read_safe": True}
