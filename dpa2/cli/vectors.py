"""`dpa2 vectors OUT/`: the golden vectors as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import InputError
from .app import AsJson, Head, app, out, tell


@app.command()
def vectors(
    folder: Annotated[str, typer.Argument(help="Where the files go.")],
    fresh: Annotated[bool, typer.Option("--fresh", help="Compute them now, not those that come with dpa2.")] = False,
    model: Annotated[str | None, typer.Option(help="Vectors of this model instead.")] = None,
    structure: Annotated[str | None, typer.Option(help="On the structures of this folder or file.")] = None,
    head: Head = None,
    as_json: AsJson = False,
) -> None:
    """Write the golden vectors: models, structures, and every intermediate."""
    from ..conformance.vectors import made, shipped_files, write

    if (model is None) != (structure is None):
        raise InputError("--model and --structure go together", argument="model")
    files = encoded(own(model, structure, head)) if model else encoded(made()) if fresh else shipped_files()
    digest = write(Path(folder), files)
    if as_json:
        tell({"folder": folder, "files": sorted(files), "digest": digest})
    else:
        out.print(f"{len(files)} vectors in {folder}\n{digest}", highlight=False, soft_wrap=True)


def encoded(found) -> dict[str, bytes]:
    """Names and contents of files."""
    from ..conformance.vectors import encode

    return {f"{vector.name}.safetensors": encode(vector) for vector in found}


def own(file: str, structure: str | None, head: str | None):
    """Vectors of the user's model on the user's structures."""
    from ..api import load
    from ..conformance.vectors import vector_of
    from ..model.preparation import check_system
    from ..structures.files import read_structures

    model = load(file, head=head, dtype="float64")
    for number, frame in enumerate(read_structures([str(structure)], model.type_map)):
        yield vector_of(f"{number:02d}-{Path(file).stem}", model, check_system(model.config, frame.system))
