"""How the pages are built: `sphinx-build -n -W docs docs/_build`."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]  # ours, the package, the pictures

import imageflow_loader  # noqa: E402 - found by the line above

project = "imageflow-loader"
author = "The imageflow-loader founders"
release = version = imageflow_loader.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
extensions += ["names", "gallery"]  # docs/_ext
exclude_patterns = ["_build", "_gallery"]
smartquotes_action = "D"  # dashes alone: quotes may be those of code
default_role = "name"  # docs/_ext/names.py: a link, where there is such a name
nitpicky = True

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
python_display_short_literal_types = True
python_maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = "imageflow-loader"
html_show_copyright = False
html_static_path = ["_static"]
html_css_files = ["ours.css"]
html_copy_source = False
