"""The command line: `dpa2 info`, `dpa2 eval`, `dpa2 convert`, `dpa2 demo`.

Exit codes: 0 all is well; 1 the answer is no (a comparison failed); 2 the call or the input is wrong.
"""

from __future__ import annotations

from .app import app, main

__all__ = ["app", "main"]
