"""The site: its navigation has every page once, questions have short ways, its drawing has every intermediate."""

from __future__ import annotations

import doctest
import re
import sys
from collections import Counter
from pathlib import Path

import pytest
import typer.main

import dpa2
from dpa2 import errors
from dpa2.cli import application
from dpa2.exit_codes import CODES, MEANINGS
from dpa2.tracing.intermediates import LAYER, TABLE

DOCS = Path(__file__).parents[2] / "docs"
INDEX = (DOCS / "index.md").read_text()
PAGES = {path.stem for path in DOCS.glob("*.md")} - {"index"}
QUESTIONS = {  # what a new user asks, and what the page that the index leads to must say
    "Which formats can I convert to?": "| native tree, HDF5 | `.dp` | yes | yes |",
    "Why does my energy jump?": "dpa2 smoothness",
    "How do I run on 4 ranks?": "mpiexec -n 4",
    "What does exit code 5 mean?": "| 5 | the target format cannot hold the model |",
    "What is `axis_neuron` called here?": "| `axis_neuron` | `repformer.axis` |",
    "How do I fine-tune one head?": "--model-branch",
}


@pytest.fixture(scope="module")
def parts():
    """The modules beside the pages."""
    sys.path.insert(0, str(DOCS))
    try:
        import navigation
        from parts import drawing, word_list
        from parts import errors as causes

        return {"navigation": navigation, "drawing": drawing, "errors": causes, "words": word_list}
    finally:
        sys.path.remove(str(DOCS))


def links(page: str) -> set[str]:
    """The pages that a page links to."""
    found = re.findall(r"\]\(([\w-]+)\.md(?:#[^)]*)?\)", (DOCS / f"{page}.md").read_text())
    return set(found)


def test_the_navigation_has_every_page_once_below_four_headings(parts):
    sections = parts["navigation"].sections(INDEX)
    assert list(sections) == ["Start", "How to", "Explanation", "Reference"]
    assert Counter(page for pages in sections.values() for page in pages) == Counter(PAGES)


def test_the_example_of_the_navigation_is_true(parts):
    found = doctest.testmod(parts["navigation"])
    assert found.attempted
    assert not found.failed


def test_the_tables_of_contents_have_what_the_lists_have(parts):
    tables = parts["navigation"].tables(INDEX)
    assert tables.count("```{toctree}") == 4
    assert set(tables.splitlines()) >= PAGES


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_link_of_the_index_leads_to_the_page_that_answers(question):
    (page,) = re.findall(rf"- \[{re.escape(question)}\]\(([\w-]+)\.md", INDEX)
    assert QUESTIONS[question] in (DOCS / f"{page}.md").read_text()


def test_pages_are_reached_from_the_index_by_the_links_of_pages():
    reached, new = set(), {"index"}
    while new:
        reached |= new
        new = set().union(*(links(page) for page in new)) - reached
    assert reached == PAGES | {"index"}


def test_the_drawing_is_as_the_program_draws_it_with_every_intermediate_and_its_axes_once(parts):
    drawn = (DOCS / "drawing.svg").read_text()
    assert drawn == parts["drawing"].svg(), "run python docs/generate.py"
    names = re.findall(r'class="name"[^>]*>([^<]+)</text>\n<text class="shape"[^>]*>([^<]+)<', drawn)
    assert Counter(names) == Counter((r.name.removeprefix(LAYER), " × ".join(r.axes.split())) for r in TABLE)


def test_every_arrow_of_the_drawing_leads_down_and_every_box_but_the_types_has_one(parts):
    drawing = parts["drawing"]
    tops = drawing.tops()
    assert all(tops[start] < tops[end] for start, end in drawing.FLOW)
    assert {box for pair in drawing.FLOW for box in pair} == set(tops) - {drawing.type_embedding}


def test_names_in_the_drawing_fit_beside_their_axes(parts):
    """A letter of the font is 0.6 of its size wide, and 12 pixels high."""
    drawing = parts["drawing"]
    for box in drawing.tops():
        for row in box.rows:
            letters = len(row.name.removeprefix(LAYER)) + len(" × ".join(row.axes.split()))
            assert letters * 7.2 < box.width - 2 * drawing.PAD, row.name


def test_every_public_name_stands_on_the_page_of_names_or_of_errors():
    pages = [(DOCS / name).read_text() for name in ("api.md", "errors.md")]
    missing = [name for name in dir(dpa2) if not any(f"`dpa2.{name}`" in p or f"### {name}\n" in p for p in pages)]
    assert missing == ["__version__"]


def test_every_command_and_each_of_its_options_stands_on_the_page_of_commands():
    page = (DOCS / "commands.md").read_text()
    for name, command in typer.main.get_command(application()).commands.items():
        section = page.partition(f"### `dpa2 {name}`\n")[2].partition("\n### ")[0]
        options = {option for each in command.params for option in each.opts if option.startswith("--")} - {"--help"}
        assert options <= set(re.findall(r"--[\w-]+", section)), name


def test_their_words_lead_to_ours_and_ours_to_theirs_for_each_program(parts):
    page = (DOCS / "word-list.md").read_text()
    back, forth = (page.partition(heading)[2] for heading in ("## From their words", "## From our words"))
    for word in parts["words"].WORDS:
        for program, theirs in zip(parts["words"].PROGRAMS, word.theirs, strict=True):
            section = back.partition(f"### {program}\n")[2].partition("\n##")[0]
            assert not theirs or f"| {theirs} | {word.ours} |" in section
        assert f"| {word.ours} | {word.theirs[0]}" in forth


def test_every_error_has_a_cure_and_a_section(parts):
    found = {error.__name__ for error in parts["errors"].classes()}
    family = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    assert found == family - {"DPA2Error"}
    assert all(f"### {name}\n" in (DOCS / "errors.md").read_text() for name in found)


def test_an_error_without_a_cure_is_refused(parts):
    class Bare(errors.DPA2Error):
        """Something is wrong (facts: file)."""

    with pytest.raises(ValueError, match="What to do"):
        parts["errors"].paragraphs(Bare)


def test_every_exit_code_has_a_meaning():
    assert set(CODES.values()) <= set(MEANINGS)
