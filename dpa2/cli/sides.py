"""What two models to compare are called: `FILE`, or `FILE#HEAD` for one of a multi-task file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..serialization import Checkpoint, read

First = Annotated[str, typer.Argument(help="A model file; FILE#HEAD for one of a multi-task file.")]
Second = Annotated[str, typer.Argument(help="The other one.")]


def read_side(name: str) -> Checkpoint:
    """The model of that name; a file whose own name has a # in it is found too."""
    file, mark, head = name.rpartition("#")
    return read(file, head) if mark and not Path(name).exists() else read(name)
