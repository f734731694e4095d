"""Scripts of LAMMPS are cut into commands, words and branches as LAMMPS cuts them; no LAMMPS is needed here."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpa2.errors import InputError
from dpa2.interfaces.lammps.script import (
    Branch,
    Command,
    Place,
    branches,
    choosing,
    commands,
    labels,
    quoted,
    without_comment,
    words,
)

HERE = Place("in.water", 7)


def read(text: str) -> list[tuple[int, str]]:
    """Line numbers and texts of the commands of a script."""
    return [(command.place.line, command.text) for command in commands(text, "in.water")]


def test_comments_and_empty_lines_are_no_commands():
    assert read("# water\n\n   \nunits metal # of energies\n") == [(4, "units metal # of energies")]


def test_lines_that_end_with_an_ampersand_go_on_and_keep_the_number_of_the_first():
    text = "units metal\npair_style dpa2 &   \n  a.dp &\n  b.dp out_freq 10\nrun 0"
    found = commands(text, "in.water")
    assert [command.place.line for command in found] == [1, 2, 5]
    assert found[1].words() == ["pair_style", "dpa2", "a.dp", "b.dp", "out_freq", "10"]


def test_a_comment_that_ends_with_an_ampersand_goes_on():
    assert read("# pair_style dpa2 &\nrun 10\nrun 20") == [(3, "run 20")]


def test_triple_quotes_span_lines_and_keep_the_line_breaks():
    text = 'print """\none # two\n  three\n""" file out.txt\nrun 1\n'
    first, second = commands(text, "in.water")
    assert first.words() == ["print", "\none # two\n  three\n", "file", "out.txt"]
    assert second.place.line == 5


def test_windows_line_ends_are_blanks():
    assert read("units metal\r\nrun &\r\n 5\r\n") == [(1, "units metal"), (2, "run  5")]


def test_the_last_line_needs_no_end():
    assert read("run 5") == [(1, "run 5")]
    assert read("run &") == [(1, "run ")]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("run 5 # five", "run 5 "),
        ("print '#5' # five", "print '#5' "),
        ('print "it\'s #5" # five', 'print "it\'s #5" '),
        ('print """a "b" # c""" # five', 'print """a "b" # c""" '),
        ('pair_style dpa2 "run.pt#water"', 'pair_style dpa2 "run.pt#water"'),
        ("pair_style dpa2 run.pt#water", "pair_style dpa2 run.pt"),
    ],
)
def test_a_comment_begins_outside_of_quotes(text, kept):
    assert without_comment(text) == kept


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("run 5", ["run", "5"]),
        ("  run\t 5  ", ["run", "5"]),
        ("print 'a b' c", ["print", "a b", "c"]),
        ("print \"a 'b' c\"", ["print", "a 'b' c"]),
        ('print """a "b" c"""', ["print", 'a "b" c']),
        ('print ""', ["print", ""]),
        ("variable a equal it's", ["variable", "a", "equal", "it's"]),
    ],
)
def test_words_are_those_of_lammps(text, expected):
    assert words(text, HERE) == expected


@pytest.mark.parametrize("text", ['print "a', "print 'a\" b", 'print "a"b', 'print """a" b'])
def test_quotes_that_lammps_refuses_are_refused_with_their_line(text):
    with pytest.raises(InputError, match=r"^in\.water:7: the quote") as caught:
        words(text, HERE)
    assert (caught.value.file, caught.value.line) == ("in.water", 7)


PLAIN = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)


@given(st.lists(PLAIN.filter(lambda word: not ({'"', "'"} <= set(word))), max_size=5))
def test_quoted_words_are_read_back(given_words):
    text = "print " + " ".join(quoted(word, HERE) for word in given_words)
    assert words(without_comment(text), HERE) == ["print", *given_words]


def test_a_word_with_both_quotes_goes_into_three():
    assert words("x " + quoted("""a "b" 'c' d""", HERE), HERE) == ["x", """a "b" 'c' d"""]


def test_a_word_that_no_quotes_hold_is_refused():
    with pytest.raises(InputError, match=r"in\.water:7: has quotes of all kinds"):
        quoted("""a \"\"\" '""", HERE)


def test_the_branches_of_an_if():
    text = """if "${x} > 1" then "print 'a b'" 'jump SELF end' elif ${y} exit else 'print "c"'"""
    assert branches(Command(text, HERE)) == [
        Branch("${x} > 1", ("print 'a b'", "jump SELF end")),
        Branch("${y}", ("exit",)),
        Branch(None, ('print "c"',)),
    ]


@pytest.mark.parametrize("text", ["if", "if 1", "if 1 the 'run 1'", "if 1 then", "if 1 then 'run 1' elif"])
def test_an_if_that_is_none_is_refused_with_its_line(text):
    with pytest.raises(InputError, match=r"^in\.water:7: if"):
        branches(Command(text, HERE))


def test_lammps_is_asked_with_the_conditions_as_they_stand():
    found = [Branch('"${a}" == water', ("x",)), Branch("$b > 1", ()), Branch(None, ("y",))]
    assert words(choosing(found, HERE), HERE) == [
        "if", '"${a}" == water', "then", "variable dpa2_branch string 0",
        "elif", "$b > 1", "variable dpa2_branch string 1",
        "else", "variable dpa2_branch string 2",
    ]  # fmt: skip


def test_a_label_is_where_its_first_line_stands():
    found = commands("units metal\nlabel a\nrun 1\nlabel b # c\nlabel a\n", "in.water")
    assert labels(found) == {"a": 2, "b": 4}
