"""All output of the command line. What a file or a path contains is printed as text: no markup, no control characters.

Characters that the terminal's encoding lacks become question marks; JSON is written in ASCII.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Iterator
from itertools import zip_longest
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

if TYPE_CHECKING:
    from rich.progress import Progress

out = Console(emoji=False)  # text such as :x: stays as it is
err = Console(stderr=True, emoji=False)
LOST = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # errors of writing; files have WriteFailed for them
FAILURES: list[OSError] = []  # of standard output; after the first one, what is printed is lost


class Table:
    """Rows of cells below a header, which may be left out; cells are text, or `Text` for those that have a style.

    A name in a table is there to be read, and to be found by other programs: no cell is ever cut or folded. On a
    terminal that is wide enough a table has lines around its cells. Otherwise, and in a pipe, each row is one plain
    line, its columns two spaces apart or more.
    """

    def __init__(self, *header: str, title: str | None = None, lines: bool = True):
        self.header, self.title, self.lines = header, title, lines
        self.rows: list[list[Text]] = []

    def add_row(self, *cells: str | Text) -> None:
        """Add a row of cells."""
        self.rows.append([cell if isinstance(cell, Text) else Text(printable(cell)) for cell in cells])

    def framed(self) -> RichTable:
        """The table with lines around its cells."""
        table = RichTable(*self.header, title=self.title)
        for row in self.rows:
            table.add_row(*row)
        return table

    def plain(self) -> Iterator[Text]:
        """The rows as lines, beginning with the header if there is one."""
        rows = [[Text(cell, "bold") for cell in self.header]] * any(self.header) + self.rows
        widths = [max(cell.cell_len for cell in column) for column in zip_longest(*rows, fillvalue=Text())]
        for row in rows:
            line = Text("  ").join(padded(cell, width) for cell, width in zip(row, widths, strict=False))
            line.rstrip()
            yield line


def padded(cell: Text, width: int) -> Text:
    """A cell filled up with spaces to a width."""
    filled = cell.copy()
    filled.append(" " * (width - cell.cell_len))
    return filled


def tell_table(table: Table) -> None:
    """Print a table on standard output."""
    if table.lines and out.is_terminal and full_width(table) <= out.width:
        out.print(table.framed())
        return
    for line in table.plain():
        out.print(line, soft_wrap=True)


def full_width(table: Table) -> int:
    """Width of a table with lines around its cells, none of which is folded."""
    return out.measure(table.framed(), options=out.options.update(width=10**6)).maximum


def progress(quiet: bool) -> Progress:
    """A bar on standard error that disappears when the work is done; none where nobody would see it."""
    from rich.progress import Progress

    return Progress(console=err, transient=True, disable=quiet or not err.is_terminal)


def training_progress(quiet: bool) -> Progress:
    """A bar of a training on standard error, with errors and the time that is left; none where nobody would see it."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = BarColumn(bar_width=20), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.fields[errors]}")
    hidden = quiet or not err.is_terminal
    return Progress(*columns, console=err, transient=True, disable=hidden, redirect_stdout=out.is_terminal)


def styled(text: str, style: str) -> Text:
    """Text of a style that is printed as it is."""
    return Text(printable(text), style)


def one_line(text: str) -> str:
    """Return a text in one line, without control characters."""
    return printable(" ".join(text.split()))


def printable(text: str) -> str:
    """Return a text without line breaks and control characters, which a hostile file could send to the terminal."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def allow_any_terminal() -> None:
    """Print question marks for characters that the terminal's encoding lacks."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def output_is_lost(error: Exception) -> bool:
    """Whether an error is one of writing to standard output, which has no name; it is remembered."""
    lost = isinstance(error, OSError) and error.filename is None and error.errno in LOST
    if lost and isinstance(error, OSError):
        drop_output(error)
    return lost


def output_failure() -> OSError | None:
    """Write what waits for standard output; return the error of that, or the one before."""
    if not FAILURES and sys.stdout is not None:
        try:
            sys.stdout.flush()
        except OSError as error:
            drop_output(error)
    return FAILURES[0] if FAILURES else None


def drop_output(error: OSError) -> None:
    """Remember an error of standard output, and let everything else that is printed there vanish."""
    FAILURES.append(error)
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def tell(data: dict) -> None:
    """Print one JSON object on standard output."""
    print(json.dumps(data, default=str))


def tell_line(text: str) -> None:
    """Print one line of plain text, however long, on standard output."""
    out.print(one_line(text), markup=False, highlight=False, soft_wrap=True)


def counted(number: int, what: str) -> str:
    """Return a number of things in words.

    >>> counted(1, "frame"), counted(2, "frame")
    ('1 frame', '2 frames')
    """
    return f"{number} {what}{'s' * (number != 1)}"


def listed(names: list[str], most: int = 6) -> str:
    """Return names in words, without those after the first few."""
    more = [f"and {len(names) - most} more"] if len(names) > most else []
    return ", ".join([*names[:most], *more])


def tell_written(file: str | None) -> None:
    """Say that a file was written, if one was asked for."""
    if file is not None:
        tell_line(f"wrote {file}")


def tell_warning(text: str) -> None:
    """Print a warning as one line on standard error."""
    err.print(f"warning: {one_line(text)}", markup=False, highlight=False, soft_wrap=True)


def tell_error(error: Exception, message: str, as_json: bool) -> None:
    """Print the kind of an error and a message in one line; its facts as JSON too if the caller reads JSON."""
    message = one_line(message)
    err.print(Text(type(error).__name__, "red"), end="")
    err.print(f": {message}", markup=False, highlight=False, soft_wrap=True)
    if as_json:
        facts = {k: v for k, v in getattr(error, "facts", {}).items() if v is not None}
        tell({"error": type(error).__name__, "message": message, "facts": facts})


def tell_traceback(error: Exception) -> None:
    """Print the traceback of an error on standard error."""
    import traceback

    for line in "".join(traceback.format_exception(error)).splitlines():
        print(printable(line), file=sys.stderr)
