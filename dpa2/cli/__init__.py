"""The command line `dpa2`. Each file in `verbs/` is one command."""

from __future__ import annotations

import sys

from .interrupts import run_until_interrupted

__all__ = ["application", "main"]


def application():
    """The command line as an application of typer."""
    from .app import application as made

    return made()


def run() -> int:
    """Run the command of this process; returns the exit code."""
    from .running import run as run_command

    return run_command(sys.argv[1:])


def main() -> None:
    """Run the command line; a named error becomes one line, and the exit code of its kind."""
    sys.exit(run_until_interrupted(run))
