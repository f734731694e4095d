"""Reading files in a process under watch, and what the folder of the files must still be afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

MEMORY = 200 * 2**20  # bytes that a process may take beside twice the size of a file
TESTS = Path(__file__).parents[1]  # contains the package `attacks`


def read(folder: Path, **request) -> list[dict]:
    """What a process under watch says of files in a folder."""
    command = [sys.executable, "-m", "attacks.reader", json.dumps(request)]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def environment() -> dict:
    """In which a process finds this package and the attacks."""
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)])}


def state(folder: Path) -> dict:
    """Everything that writing would change."""
    return {str(p): (s.st_size, s.st_mtime_ns, s.st_mode) for p in folder.rglob("*") for s in [p.lstat()]}


def size(path: Path) -> int:
    """Of a file, or of all in a directory."""
    return sum(p.lstat().st_size for p in [path, *path.rglob("*")])
