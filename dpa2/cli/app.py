"""What all commands share: the application, and how errors and results are told."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console

from .exit_codes import USAGE

app = typer.Typer(add_completion=False)
out = Console()
err = Console(stderr=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Head = Annotated[str | None, typer.Option(help="Which model of a multi-task file.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error; may stand anywhere.")]


@app.callback(invoke_without_command=True)
def options(context: typer.Context, debug: Debug = False) -> None:
    """Look into DPA-2 models, evaluate, convert and compare them."""
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(USAGE)


def tell_error(error: Exception, as_json: bool) -> None:
    """What went wrong in one line, and its facts as JSON if the caller reads JSON."""
    message = one_line(str(error))
    err.print(f"[red]{type(error).__name__}[/red]: ", end="")
    err.print(message, markup=False, highlight=False, soft_wrap=True)
    if as_json:
        facts = {k: v for k, v in getattr(error, "facts", {}).items() if v is not None}
        tell({"error": type(error).__name__, "message": message, "facts": facts})


def one_line(text: str) -> str:
    """Without line breaks, and without control characters, which a name in a hostile file may send to the terminal."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in " ".join(text.split()))


def tell(data: dict) -> None:
    """One JSON object on standard output."""
    print(json.dumps(data, default=str, ensure_ascii=False))
