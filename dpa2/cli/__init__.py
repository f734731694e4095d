"""The command line: `dpa2 info`, `eval`, `convert`, `compress`, `verify`, `diff`, `check`, `vectors`, `smoothness`,
`neighbors`, `precision`, `demo`.

`exit_codes` says what its codes mean.
"""

from __future__ import annotations

import sys
import traceback

import typer

from ..errors import DPA2Error, InputError
from . import (  # they add their commands
    check,
    compress,
    convert,
    demo,
    diff,
    evaluate,
    info,
    neighbors,
    precision,
    smoothness,
    vectors,
    verify,
)
from .app import app, tell_error
from .exit_codes import exit_code

__all__ = [
    "app",
    "check",
    "compress",
    "convert",
    "demo",
    "diff",
    "evaluate",
    "info",
    "main",
    "neighbors",
    "precision",
    "smoothness",
    "vectors",
    "verify",
]
WRONG_CALL = typer.BadParameter.__base__  # what the parser raises; its module differs between versions of typer


def main() -> None:
    """Run the command line; a named error becomes one line, and the exit code of its kind."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        sys.exit(app(arguments, prog_name="dpa2", standalone_mode=False))
    except WRONG_CALL as error:
        refused: Exception = InputError(error.format_message())
    except (DPA2Error, OSError) as error:
        refused = error
    if "--debug" in sys.argv:
        traceback.print_exception(refused)
    tell_error(refused, as_json="--json" in sys.argv)
    sys.exit(exit_code(refused))
