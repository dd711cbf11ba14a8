"""Formulas as MathML, by the converter that docutils brings: pages need no script and no network to show them."""

import re

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

_SIZED = re.compile(r"\\[bB]igg?[lr]?\s*([()\[\]])")  # brackets of a chosen size, which the converter does not know

logger = logging.getLogger(__name__)


def _mathml(node: nodes.Element, *, block: bool) -> str:
    try:
        return tex2mathml(_SIZED.sub(_as_large_as_needed, node.astext()), as_block=block)
    except MathError as error:
        logger.warning("the formula %r cannot be shown: %s", node.astext(), error, location=node)
        return ""


def _as_large_as_needed(bracket: re.Match[str]) -> str:
    return (r"\left" if bracket[1] in "([" else r"\right") + bracket[1]


def _inline(self: HTML5Translator, node: nodes.math) -> None:
    self.body.append(_mathml(node, block=False))
    raise nodes.SkipNode


def _display(self: HTML5Translator, node: nodes.math_block) -> None:
    self.body.append(f'<div class="math">{_mathml(node, block=True)}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_html_math_renderer("mathml", inline_renderers=(_inline, None), block_renderers=(_display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
