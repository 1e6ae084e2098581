"""How the documentation is built: `sphinx-build -W docs docs/_build`, without a network."""

from importlib.metadata import version as installed

project = "market"
author = "The market authors"
version = release = installed("compute-market")
extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "market"
