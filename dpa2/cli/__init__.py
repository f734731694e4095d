"""The command line: `dpa2 info`, `dpa2 eval`, `dpa2 convert`, `dpa2 demo`.

Exit codes: 0 all is well; 1 the answer is no (a comparison failed); 2 the call or the input is wrong.
"""

from __future__ import annotations

import sys

from ..errors import DPA2Error
from . import convert, demo, evaluate, info  # they add their commands
from .app import app, tell_error

__all__ = ["app", "convert", "demo", "evaluate", "info", "main"]


def main() -> None:
    """Run the command line; named errors become a message and exit code 2."""
    try:
        app()
    except (DPA2Error, OSError) as error:
        tell_error(error)
        sys.exit(2)
