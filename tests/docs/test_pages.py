"""The documentation is true to the code: tables that follow from it, symbols that exist, code for every section."""

from __future__ import annotations

import importlib.util
import re
from importlib import import_module
from pathlib import Path

import pytest

from dpa2.interfaces.lammps.style import KEYWORDS
from dpa2.tracing.intermediates import TABLE

DOCS = Path(__file__).parents[2] / "docs"
GLOSSARY = (DOCS / "glossary.md").read_text()
SPECIFICATION = (DOCS / "specification.md").read_text()
WITHOUT_CODE = {"0", "1", "2", "3", "8", "9", "12", "18", "20"}  # headings of groups, conventions, traps, verification


def generator():
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("*.md")))
def test_tables_are_as_the_code_has_them(page):
    text = (DOCS / page).read_text()
    assert generator().filled(text) == text, "run python docs/generate.py"


def table(heading: str) -> list[list[str]]:
    """The rows of the table below a heading of the glossary."""
    body = GLOSSARY.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in body.splitlines() if line.startswith("|")]
    return rows[2:]


def resolved(path: str):
    """What a dotted path below `dpa2` names: a module, a class, a function, or a field of a class."""
    parts = path.split(".")
    for k in range(len(parts), 0, -1):
        try:
            found = import_module(".".join(["dpa2", *parts[:k]]))
        except ModuleNotFoundError:
            continue
        for name in parts[k:]:
            fields = getattr(found, "__dataclass_fields__", {})
            found = fields[name] if name in fields else getattr(found, name)
        return found
    raise ModuleNotFoundError(path)


SYMBOLS = [
    (heading, path)
    for heading, column in (("Quantities", 2), ("The specification in the code", 2))
    for row in table(heading)
    for path in re.findall(r"`([^`]+)`", row[column])
]


@pytest.mark.parametrize(("heading", "path"), SYMBOLS, ids=[path for _, path in SYMBOLS])
def test_symbols_of_the_glossary_exist(heading, path):
    assert resolved(path) is not None


def test_trace_names_of_the_glossary_are_in_the_table():
    known = {row.name for row in TABLE} | {row.name.rpartition("/")[2] for row in TABLE}
    names = [name for row in table("Quantities") for name in re.findall(r"`([^`]+)`", row[3])]
    assert names
    assert set(names) <= known


def test_every_section_of_the_specification_has_its_code():
    headings = set(re.findall(r"^#+ (\d+(?:\.\d+)?)[. ]", SPECIFICATION, re.MULTILINE))
    rows = {row[0] for row in table("The specification in the code")}
    assert rows == headings - WITHOUT_CODE


def test_the_page_on_lammps_has_every_keyword_of_the_pair_style():
    page = (DOCS / "lammps.md").read_text()
    rows = page.partition("| keyword |")[2].partition("\n\n")[0].splitlines()[2:]
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])} == set(KEYWORDS)


def test_links_between_pages_lead_to_files():
    root = DOCS.parent
    for page in [root / "README.md", *DOCS.glob("*.md"), *(root / "examples").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
