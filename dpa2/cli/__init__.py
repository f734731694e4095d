"""The command line `dpa2`. Each file in `verbs/` is one command; `exit_codes` lists the exit codes."""

from __future__ import annotations

import sys
import traceback
from typing import cast

import typer

from ..errors import DPA2Error, InputError
from .app import application, tell_error
from .exit_codes import exit_code

__all__ = ["application", "main"]
# The parser raises the parent of this class, whose module differs between versions of typer, with the same methods.
WRONG_CALL = cast("type[typer.BadParameter]", typer.BadParameter.__base__)


def path_of(error: typer.BadParameter) -> str:
    """Return the command whose call is wrong, as `dpa2` or `dpa2 eval`."""
    return error.ctx.command_path if error.ctx else "dpa2"


def main() -> None:
    """Run the command line; a named error becomes one line, and the exit code of its kind."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        sys.exit(application()(arguments, prog_name="dpa2", standalone_mode=False))
    except WRONG_CALL as error:
        refused: Exception = InputError(f"{error.format_message()} See `{path_of(error)} --help`.")
    except (DPA2Error, OSError) as error:
        refused = error
    if "--debug" in sys.argv:
        traceback.print_exception(refused)
    tell_error(refused, as_json="--json" in sys.argv)
    sys.exit(exit_code(refused))
