"""Settings of the documentation."""

import sys
from pathlib import Path

from chainrule import __version__

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "chainrule"
author = "The chainrule developers"
copyright = "2026, the chainrule developers"
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    # our own, in _ext: formulas as MathML, tables from the library's rows, pictures from the pages' own code
    "docstrings",
    "mathml",
    "tables",
    "shell",
    "pictures",
    "house",
]
exclude_patterns = ["_build"]
smartquotes_action = "D"  # dashes only: quotes in help texts are code

myst_enable_extensions = ["dollarmath", "amsmath", "deflist", "colon_fence", "attrs_inline"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = "chainrule"
html_static_path = ["_static"]
html_css_files = ["chainrule.css"]
html_math_renderer = "mathml"
html_copy_source = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0072b2", "color-brand-content": "#0072b2"},
    "dark_css_variables": {"color-brand-primary": "#5db4e8", "color-brand-content": "#5db4e8"},
}
pygments_style = "friendly"
pygments_dark_style = "github-dark"

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say what arguments are, with shapes; signatures stay short enough to read
python_maximum_signature_line_length = 80
napoleon_use_ivar = True
napoleon_use_rtype = False
