"""The navigation of the site: the lists of links below each heading of the index page.

A page stands in one list, once. What a test and the build need to know of it is read from the page itself.
"""

from __future__ import annotations

import re

QUESTIONS = "Questions"  # a heading whose links lead to places of pages that stand in another list


def sections(index: str) -> dict[str, list[str]]:
    """Return the names of the pages below each heading of the index page, without ".md".

    >>> sections("# Title\\n## Start\\n- [One](one.md): first.\\n- [Two](two.md)")
    {'Start': ['one', 'two']}
    """
    parts = re.split(r"^## (.+)$", index, flags=re.MULTILINE)[1:]
    found = dict(zip(parts[::2], parts[1::2], strict=True))
    found.pop(QUESTIONS, None)
    return {heading: re.findall(r"^- \[[^]]+\]\(([\w-]+)\.md\)", text, re.MULTILINE) for heading, text in found.items()}


def tables(index: str) -> str:
    """Return the tables of contents that Sphinx makes the side bar of, which the page does not show."""
    return "\n".join(table(heading, pages) for heading, pages in sections(index).items())


def table(heading: str, pages: list[str]) -> str:
    """Return the table of contents of one heading."""
    return "\n".join(["```{toctree}", ":hidden:", f":caption: {heading}", "", *pages, "```", ""])
