"""`dpa2` in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys


def run(*arguments, code: int = 0) -> subprocess.CompletedProcess:
    """`dpa2 ARGUMENTS` in a process of its own, wide enough that tables are not broken."""
    command = [sys.executable, "-c", "from dpa2.cli import main; main()", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=300)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def environment() -> dict:
    return {**os.environ, "COLUMNS": "200", "TERM": "dumb"}
