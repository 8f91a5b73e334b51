"""Sphinx configuration. Nothing is fetched during a build."""

from importlib.metadata import version as installed_version

project = "taylorad"
author = "taylorad developers"
copyright = "2026, taylorad developers"
version = release = installed_version(project)

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
]
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"taylorad {release}"

myst_enable_extensions = ["deflist", "dollarmath"]
myst_heading_anchors = 3

# The pages list what is public; autosummary only makes the tables.
autosummary_generate = False
autodoc_typehints = "none"  # numpydoc sections state types, and once is enough
autodoc_member_order = "bysource"
numpydoc_show_class_members = False  # autodoc documents them in full
toc_object_entries_show_parents = "hide"
