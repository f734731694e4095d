"""`python -m attacks FOLDER`: all hostile files, to try on this reader or another."""

from __future__ import annotations

import sys
from pathlib import Path

from .build import build

folder = Path(sys.argv[1])
for group, names in build(folder).items():
    print(f"{len(names):4} {group}")
