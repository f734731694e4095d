"""`dpa2 vectors OUT/`: write the golden vectors as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...errors import InputError
from ..app import AsJson, Group, Head, verb
from ..output import tell, tell_line


@verb(Group.CONFORM, 2, "dpa2 vectors golden/", "dpa2 vectors mine/ --model water.dp --structure frames.xyz")
def vectors(
    folder: Annotated[str, typer.Argument(help="The folder to write to.")],
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Compute the vectors instead of copying those in this package.")
    ] = False,
    heads: Annotated[
        bool, typer.Option("--heads", help="Vectors of models that predict something else than energies.")
    ] = False,
    model: Annotated[
        str | None, typer.Option(help="Write vectors of this model file instead; needs --structure.")
    ] = None,
    structure: Annotated[
        str | None, typer.Option(help="DeePMD data folder or structure file to evaluate --model on.")
    ] = None,
    head: Head = None,
    as_json: AsJson = False,
) -> None:
    """Write golden vectors: small models with structures and every intermediate, to check an implementation against."""
    from ...conformance.vectors import made, shipped_files, write

    if (model is None) != (structure is None):
        raise InputError("--model and --structure must be given together", argument="model")
    found = own(model, structure, head) if model else made(heads) if fresh else None
    files = shipped_files(heads) if found is None else encoded(found)
    digest = write(Path(folder), files)
    if as_json:
        tell({"folder": folder, "files": sorted(files), "digest": digest})
    else:
        tell_line(f"{len(files)} vectors in {folder}")
        tell_line(digest)


def encoded(found) -> dict[str, bytes]:
    """Contents of the files by their names."""
    from ...conformance.vectors import encode

    return {f"{vector.name}.safetensors": encode(vector) for vector in found}


def own(file: str, structure: str | None, head: str | None):
    """Vectors of a model on given structures."""
    from ...api import load
    from ...conformance.vectors import vector_of
    from ...model.preparation import check_system
    from ...structures.files import read_structures

    model = load(file, head=head, dtype="float64")
    for number, frame in enumerate(read_structures([str(structure)], model.type_map)):
        yield vector_of(f"{number:02d}-{Path(file).stem}", model, check_system(model.config, frame.system))
