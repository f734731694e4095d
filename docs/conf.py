"""How Sphinx builds the site: `python -m sphinx -W docs build/site`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS), str(DOCS.parent)]

import navigation  # noqa: E402

import dpa2  # noqa: E402

project, version = "dpa2", dpa2.__version__
release = version
copyright = "the authors of dpa2"
extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc", "sphinx.ext.mathjax"]
root_doc = "index"
html_theme = "furo"
html_title = f"dpa2 {version}"
html_copy_source = False
html_theme_options = {"navigation_with_keys": False}

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False


def prepared(app, page: str, source: list[str]) -> None:
    """Add the navigation to the index page; name what lies outside `docs/` by its place in the repository."""
    if page == root_doc:
        source[0] += "\n" + navigation.tables(source[0])
    source[0] = re.sub(r"\[([^]]+)\]\(\.\./([^)#:]+)\)", outside, source[0])


def outside(link: re.Match) -> str:
    """Return a link to a file of the repository as it is, which is a download, and the path of a page or a folder."""
    label, path = link[1].strip("`"), link[2]
    if (DOCS.parent / path).is_file() and not path.endswith(".md"):
        return link[0]
    return f"`{path}`" if label in path else f"{label} (`{path}`)"


def setup(app) -> None:
    """Register what is done to pages before they are read."""
    app.connect("source-read", prepared)
