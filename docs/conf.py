"""How the documentation is built: `sphinx-build -W docs docs/_build`, without a network."""

from importlib.metadata import version as installed
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert

project = "market"
author = "The market authors"
version = release = installed("compute-market")
extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "market"
html_math_renderer = "mathml"


def inline_math(writer: Any, node: nodes.math) -> None:
    """Write a formula as MathML, which browsers draw themselves: nothing is fetched."""
    writer.body.append(convert(node.astext()))
    raise nodes.SkipNode


def block_math(writer: Any, node: nodes.math_block) -> None:
    """Write a formula on a line of its own."""
    writer.body.append(convert(node.astext(), display="block"))
    raise nodes.SkipNode


def setup(app: Any) -> None:
    """Draw formulas when the pages are built."""
    app.add_html_math_renderer("mathml", inline_renderers=(inline_math, None), block_renderers=(block_math, None))
