"""All output of the command line. What a file or a path contains is printed as text: no markup, no control characters.

Characters that the terminal's encoding lacks become question marks; JSON is written in ASCII.
"""

from __future__ import annotations

import json
import sys

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

out = Console()
err = Console(stderr=True)


class Table(RichTable):
    """A table whose cells are plain text, or `Text` for those that have a style."""

    def add_row(self, *cells, **options) -> None:
        """Add a row of cells."""
        super().add_row(
            *(cell if isinstance(cell, Text) else Text(printable(cell), overflow="fold") for cell in cells), **options
        )


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


def tell(data: dict) -> None:
    """Print one JSON object on standard output."""
    print(json.dumps(data, default=str))


def tell_line(text: str) -> None:
    """Print one line of plain text, however long, on standard output."""
    out.print(one_line(text), markup=False, highlight=False, soft_wrap=True)


def tell_written(file: str | None) -> None:
    """Say that a file was written, if one was asked for."""
    if file is not None:
        tell_line(f"wrote {file}")


def tell_warning(text: str) -> None:
    """Print a warning as one line on standard error."""
    err.print(f"warning: {one_line(text)}", markup=False, highlight=False, soft_wrap=True)


def tell_error(error: Exception, as_json: bool) -> None:
    """Print the kind of an error and its message in one line; its facts as JSON too if the caller reads JSON."""
    message = one_line(str(error))
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
