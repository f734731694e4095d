"""`dpa2 info FILE`: the contents of a model file."""

from __future__ import annotations

from typing import Annotated

import typer

from ..app import AsJson, Group, Head, ModelFile, verb
from ..output import Table, tell, tell_line, tell_table


@verb(Group.USE, 1, "dpa2 info water.dp", "dpa2 info multitask.pt --head water --tensors")
def info(
    file: ModelFile,
    tensors: Annotated[bool, typer.Option("--tensors", help="List the name and shape of every tensor.")] = False,
    head: Head = None,
    as_json: AsJson = False,
) -> None:
    """Show format, task heads, types, blocks, size, precision and digest of a model."""
    from ...serialization import contents, file_and_head, read_from

    path, head = file_and_head(file, head)
    found = contents(path)
    facts = {"file": str(path), "format": found.format, "heads": found.heads}
    if facts["heads"] and head is None:
        kinds = {"kinds": dict(found.kinds), "aliases": dict(found.aliases)}
        tell(facts | kinds) if as_json else show(facts | heads_in_words(found))
        return
    checkpoint = read_from(found, path, head)
    facts |= {"head": head} | describe(checkpoint)
    shapes = {name: list(w.shape) for name, w in sorted(checkpoint.weights.items())}
    if as_json:
        tell(facts | {"config": checkpoint.config.to_dict()} | ({"tensors": shapes} if tensors else {}))
        return
    show(facts, checkpoint.config)
    for name, shape in shapes.items() if tensors else ():
        tell_line(f"{name}  {'×'.join(map(str, shape))}")


def heads_in_words(found) -> dict:
    """Return what each head predicts, and its other names."""
    others = {head: [alias for alias, meant in found.aliases.items() if meant == head] for head in found.heads}
    words = {"ener": "energy"}
    return {
        f"head {head}": words.get(found.kinds[head], f"{found.kinds[head]} (not read)")
        + (f", also called {', '.join(others[head])}" if others[head] else "")
        for head in found.heads
    }


def describe(checkpoint) -> dict:
    """Facts about one model."""
    config, weights = checkpoint.config, checkpoint.weights.values()
    return {
        "writer": checkpoint.metadata.get("writer"),
        "types": list(config.types),
        "dtype": config.dtype,
        "parameters": sum(w.size for w in weights),
        "bytes": sum(w.nbytes for w in weights),
        "digest": checkpoint.digest(),
    }


def show(facts: dict, config=None) -> None:
    """Print a table of the facts, with a row for each block of the network."""
    table = Table(lines=False)
    for name, value in facts.items():
        if value is not None and name != "digest":
            table.add_row(name, ", ".join(value) if isinstance(value, (list, tuple)) else f"{value}")
    for name, words in blocks(config) if config else ():
        table.add_row(name, words)
    tell_table(table)
    if config:
        tell_line(facts["digest"])
    else:
        tell_line("a multi-task file: --head NAME shows one model")


def blocks(config):
    """Names of the parts of a model, each with its settings in words."""
    if config.repinit.compression:
        yield "compressed", tables(config.repinit.compression)
    for name, section in (("repinit", config.repinit), ("three_body", config.three_body)):
        if section is not None:
            yield name, f"{cutoffs(section)}, widths {list(section.widths)}"
    former = config.repformer
    yield "repformer", f"{cutoffs(former)}, {former.layers} layers, f {former.atom_dim}, g {former.pair_dim}"
    yield "fitting", f"widths {list(config.fitting.widths)}, {config.fitting.dtype}"
    yield "descriptor", f"{config.descriptor_dim} numbers per atom, {config.dtype}"


def tables(compression) -> str:
    """Names of the nets that are tables in a compressed model."""
    geometry = f", the embedding net of repinit ({compression.intervals} intervals)" if compression.intervals else ""
    return f"the type gate of repinit{geometry}"


def cutoffs(section) -> str:
    """Cutoffs and max_neighbors of a block in words."""
    return f"{section.inner_cutoff:g} … {section.cutoff:g} Å, at most {section.max_neighbors} neighbours"
