"""The two models of a comparison: `FILE`, or `FILE#HEAD` for one task head of a multi-task file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..serialization import Checkpoint

First = Annotated[str, typer.Argument(help="A model file; FILE#HEAD for one task head of a multi-task file.")]
Second = Annotated[str, typer.Argument(help="The model file to compare it with; FILE#HEAD as well.")]


def read_side(name: str) -> Checkpoint:
    """Read the model that `name` stands for; a file whose own name contains # is found too."""
    from ..serialization import read

    file, mark, head = name.rpartition("#")
    return read(file, head) if mark and not Path(name).exists() else read(name)
