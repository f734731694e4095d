"""`dpa2 vectors OUT/`: the golden vectors as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .app import AsJson, app, out, tell


@app.command()
def vectors(
    folder: Annotated[str, typer.Argument(help="Where the files go.")],
    fresh: Annotated[bool, typer.Option("--fresh", help="Compute them now, not those that come with dpa2.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the golden vectors: models, structures, and every intermediate."""
    from ..conformance.vectors import write

    digest = write(Path(folder), shipped_ones=not fresh)
    files = sorted(path.name for path in Path(folder).glob("*.safetensors"))
    if as_json:
        tell({"folder": folder, "files": files, "digest": digest})
    else:
        out.print(f"{len(files)} vectors in {folder}\n{digest}", highlight=False, soft_wrap=True)
