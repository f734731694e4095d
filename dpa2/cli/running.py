"""Running one command: its exit code, and one line for a named error."""

from __future__ import annotations

from typing import cast

import typer

from ..errors import DPA2Error, InputError, WriteFailed
from ..exit_codes import CLOSED, exit_code
from .app import application
from .output import allow_any_terminal, output_failure, output_is_lost, tell_error, tell_traceback
from .wording import in_options, meant, options_of

# The parser raises the parent of this class, whose module differs between versions of typer, with the same methods.
WRONG_CALL = cast("type[typer.BadParameter]", typer.BadParameter.__base__)


def path_of(error: typer.BadParameter) -> str:
    """Return the command whose call is wrong, as `dpa2` or `dpa2 eval`."""
    return error.ctx.command_path if error.ctx else "dpa2"


def options(arguments: list[str]) -> dict[str, str]:
    """The options of the command that is called."""
    commands = typer.main.get_command(application()).commands  # type: ignore[attr-defined]
    command = commands.get(arguments[0] if arguments else None)
    return options_of(command.params) if command else {}


def wrong_call(error: typer.BadParameter, known: dict[str, str]) -> InputError:
    """The error of the parser as one of ours, with the option that was meant perhaps."""
    likely = meant(getattr(error, "option_name", ""), known)
    message = error.format_message() + (f" Did you mean {likely}?" if likely else "")
    return InputError(f"{message} See `{path_of(error)} --help`.")


def run(words: list[str]) -> int:
    """Run a command line and return its exit code, that of output that cannot be written if that is so."""
    allow_any_terminal()
    code = run_command(words)
    failure = output_failure()
    if failure is None or isinstance(failure, BrokenPipeError):
        return code if failure is None else CLOSED
    refused = WriteFailed(f"standard output: {failure.strerror or failure}", reason=str(failure))
    tell_error(refused, str(refused), as_json=False)
    return exit_code(refused)


def run_command(words: list[str]) -> int:
    """Run a command line, tell its error, and return its exit code."""
    arguments = [word for word in words if word != "--debug"]
    try:
        return application()(arguments, prog_name="dpa2", standalone_mode=False) or 0
    except typer.Abort as error:  # the parser's word for Ctrl-C
        raise KeyboardInterrupt from error
    except SystemExit:  # the parser's word, and that of tables, for output that nobody reads
        return CLOSED
    except WRONG_CALL as error:
        return told(wrong_call(error, options(arguments)), words)
    except (DPA2Error, OSError) as error:
        return told(error, words)


def told(error: Exception, words: list[str]) -> int:
    """Tell the error of a command line, and return its exit code."""
    if output_is_lost(error):
        return CLOSED  # `run` says why
    if "--debug" in words:
        tell_traceback(error)
    facts = getattr(error, "facts", {})
    known = options([word for word in words if word != "--debug"])
    message = in_options(str(error), str(facts.get("argument", facts.get("path"))), known)
    tell_error(error, message, as_json="--json" in words)
    return exit_code(error)
