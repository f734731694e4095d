"""Tables: no name is ever cut, and what goes to a pipe is plain lines."""

from __future__ import annotations

import pytest
from rich.console import Console

from dpa2 import demo
from dpa2.cli import output
from dpa2.cli.output import Table, styled, tell_table

LINES = "─│┏━┓┃┡┩└┘┌┐├┤┬┴┼╇"


@pytest.fixture
def terminal(monkeypatch):
    """A terminal of any width in place of the output of this process."""

    def made(width: int) -> Console:
        console = Console(force_terminal=True, color_system=None, width=width)
        monkeypatch.setattr(output, "out", console)
        return console

    return made


def names() -> Table:
    table = Table("tensor", "numbers", title="all of them")
    table.add_row("descriptor.repformer.layers.0.local_attention.query", "1024")
    table.add_row("descriptor.repformer.layers.0.local_attention.output", styled("12", "red"))
    return table


def test_in_a_pipe_each_row_is_one_plain_line(capsys):
    tell_table(names())
    assert capsys.readouterr().out.splitlines() == [
        "tensor                                                numbers",
        "descriptor.repformer.layers.0.local_attention.query   1024",
        "descriptor.repformer.layers.0.local_attention.output  12",
    ]


@pytest.mark.parametrize("width", [1, 30, 65, 66, 70, 200])
def test_on_a_terminal_of_any_width_all_names_are_whole(width, terminal, capsys):
    terminal(width)
    tell_table(names())
    said = capsys.readouterr().out
    assert all(f"local_attention.{end}" in said for end in ("query", "output"))
    assert any(c in LINES for c in said) == (width >= 66), "lines are drawn where there is room for them"


@pytest.mark.parametrize("width", [None, 40])
def test_the_tables_of_all_verbs_are_whole_and_plain(width, data, tuned, terminal, call, monkeypatch):
    """In a pipe, and on a terminal that is too narrow for any of them."""
    if width is not None:
        terminal(width)
    first, second, name, _ = tuned
    frame = f"{data / 'set.000'} frame 1"
    for words, whole in (
        (["diff", first, second], name),
        (["eval", demo.MODEL, data, "--frames"], frame),
        (["info", first], str(first)),
        (["precision", demo.MODEL, data, "--frames", "1"], "repformer/layer1/attn1_weights"),
        (["neighbors", demo.MODEL, data], "three_body"),
        *[(["smoothness", demo.MODEL], "derivative of forces / eV/Å²")] * (width is None),  # seconds
    ):
        code, said, _ = call(*words)
        assert code == 0
        assert whole in said, words
        assert not any(c in LINES for c in said), words


def test_the_demonstration_has_room_in_80_columns(terminal, call):
    terminal(80)
    rows = [line for line in call("demo")[1].splitlines() if line.startswith("│")]
    assert len(rows) == 9
    assert all("ok" in row for row in rows)


def test_progress_leaves_nothing_where_there_is_no_terminal(data, call):
    for words in (["eval", demo.MODEL, data], ["neighbors", demo.MODEL, data]):
        assert call(*words)[2] == ""
