"""What all commands share: the application, and how errors and results are told."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer
from rich.console import Console

app = typer.Typer(no_args_is_help=True, add_completion=False, help="DPA-2 models: look, evaluate, convert.")
out = Console()
err = Console(stderr=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Head = Annotated[str | None, typer.Option(help="Which model of a multi-task file.")]


def tell_error(error: Exception) -> None:
    """What went wrong, as JSON if the caller reads JSON."""
    if "--json" in sys.argv:
        facts = {k: v for k, v in getattr(error, "facts", {}).items() if v is not None}
        tell({"error": type(error).__name__, "message": str(error), "facts": facts})
    else:
        err.print(f"[red]{type(error).__name__}[/red]:", end=" ")
        err.print(str(error), markup=False, highlight=False)


def tell(data: dict) -> None:
    """One JSON object on standard output."""
    print(json.dumps(data, default=str, ensure_ascii=False))
