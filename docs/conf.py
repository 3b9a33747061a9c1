"""How Sphinx builds the documentation; `make docs` runs it."""

from importlib.metadata import version as installed

project = "af2jax"
author = "the af2jax authors"
copyright = "the af2jax authors, Apache-2.0"
version = release = installed("af2jax")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
default_role = "code"  # docstrings have single backticks
myst_heading_anchors = 3
suppress_warnings = ["misc.highlighting_failure"]

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "signature"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

html_theme = "furo"
html_title = f"af2jax {release}"
html_copy_source = False
html_show_sourcelink = False
