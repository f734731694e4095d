"""`dpa2 info FILE`: the contents of a model file."""

from __future__ import annotations

from typing import Annotated

import typer

from ..app import AsJson, Group, Head, ModelFile, verb
from ..output import Table, tell, tell_line, tell_table


@verb(Group.USE, 1, "dpa2 info water.dp", "dpa2 info multitask.pt --head water --tensors")
def info(
    file: ModelFile,
    tensors: Annotated[
        bool, typer.Option("--tensors", help="List name, shape, precision and kind of every tensor.")
    ] = False,
    head: Head = None,
    as_json: AsJson = False,
) -> None:
    """Show what is in a model file: format, task heads, types, blocks, size, precision, what was chosen, and digest.

    Settings that are not shown have their defaults. Statistics are of the environments of each block, over all types.
    """
    from ...serialization import contents, file_and_head

    path, head = file_and_head(file, head)
    found = contents(path)
    about = {"file": str(path), "format": found.format, "heads": found.heads}
    if found.heads and head is None:
        several(found, path, about, tensors, as_json)
    else:
        one(found, path, about | {"head": head}, tensors, as_json)


def several(found, path, about: dict, tensors: bool, as_json: bool) -> None:
    """Show a file of several heads, and with `tensors` those of all heads that are read."""
    from ...serialization import read_from

    models = {head: read_from(found, path, head) for head in found.known_heads} if tensors else {}
    if as_json:
        more = {name: {h: column(c, name) for h, c in models.items()} for name in COLUMNS} if tensors else {}
        tell(about | {"kinds": dict(found.kinds), "aliases": dict(found.aliases)} | more)
        return
    show((about | {"heads": ", ".join(found.heads)} | heads_in_words(found)).items())
    for head, checkpoint in models.items():
        tell_line(f"head {head}:")
        tell_table(tensor_table(checkpoint))
    tell_line(f"a multi-task file: --head NAME, or {path}#NAME, shows one model")


def one(found, path, about: dict, tensors: bool, as_json: bool) -> None:
    """Show one model."""
    from ...serialization import read_from
    from ..description import facts, rows

    checkpoint = read_from(found, path, about["head"])
    known = facts(checkpoint, str(path))
    if as_json:
        more = {name: column(checkpoint, name) for name in COLUMNS} if tensors else {}
        tell(about | known | {"config": checkpoint.config.to_dict()} | more)
        return
    head = {name: about[name] for name in ("file", "format", "head")} | {"writer": known["writer"]}
    show([*((name, value) for name, value in head.items() if value), *rows(known, checkpoint)])
    if tensors:
        tell_table(tensor_table(checkpoint))
    tell_line(known["digest"])


def heads_in_words(found) -> dict[str, str]:
    """Return what each head predicts, and its other names."""
    from ...serialization.settings.heads import TYPES

    others = {head: [alias for alias, meant in found.aliases.items() if meant == head] for head in found.heads}
    words = {theirs: head.ours for theirs, head in TYPES.items()}
    return {
        f"head {head}": words.get(found.kinds[head], f"{found.kinds[head]} (not read)")
        + (f", also called {', '.join(others[head])}" if others[head] else "")
        for head in found.heads
    }


def show(rows) -> None:
    """Print a row for each name and its words."""
    table = Table(lines=False)
    for name, words in rows:
        table.add_row(name, words)
    tell_table(table)


COLUMNS = ("tensors", "dtypes", "kinds_of_tensors")  # keys in JSON: shape, precision and kind of each tensor


def column(checkpoint, key: str) -> dict:
    """One fact about every tensor, by its name."""
    return {name: facts[COLUMNS.index(key)] for name, *facts in listed(checkpoint)}


def listed(checkpoint) -> list[tuple]:
    """Name, shape, precision and kind of every tensor."""
    from ...serialization import places

    found = places(checkpoint.config)
    return [(n, list(w.shape), found[n].precision, found[n].kind) for n, w in sorted(checkpoint.weights.items())]


def tensor_table(checkpoint) -> Table:
    """A row for every tensor."""
    table = Table("tensor", "shape", "precision", "kind")
    for name, shape, *facts in listed(checkpoint):
        table.add_row(name, "×".join(map(str, shape)) or "one number", *facts)
    return table
