"""`dpa2 info FILE`: what is in a model file."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from .app import AsJson, Head, app, out, tell


@app.command()
def info(
    file: Annotated[str, typer.Argument(help="A model file of any format that is read.")],
    tensors: Annotated[bool, typer.Option("--tensors", help="List every tensor.")] = False,
    head: Head = None,
    as_json: AsJson = False,
) -> None:
    """Show format, writer, heads, types, blocks, size, precision and digest of a model."""
    from ..serialization import contents, read_from

    found = contents(file)
    facts = {"file": file, "format": found.format, "heads": found.heads}
    if facts["heads"] and head is None:
        tell(facts) if as_json else show(facts)
        return
    checkpoint = read_from(found, file, head)
    facts |= {"head": head} | describe(checkpoint)
    shapes = {name: list(w.shape) for name, w in sorted(checkpoint.weights.items())}
    if as_json:
        tell(facts | {"config": checkpoint.config.to_dict()} | ({"tensors": shapes} if tensors else {}))
        return
    show(facts, checkpoint.config)
    for name, shape in shapes.items() if tensors else ():
        out.print(f"  {name}  {'×'.join(map(str, shape))}", highlight=False)


def describe(checkpoint) -> dict:
    """The facts of one model."""
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
    """A table of the facts, and one line for each block."""
    table = Table(show_header=False, box=None)
    for name, value in facts.items():
        if value is not None and name != "digest":
            table.add_row(name, ", ".join(value) if isinstance(value, (list, tuple)) else f"{value}")
    for name, words in blocks(config) if config else ():
        table.add_row(name, words)
    out.print(table)
    if config:
        out.print(f" {facts['digest']}", highlight=False, soft_wrap=True)
    else:
        out.print(" a multi-task file: --head NAME shows one model", highlight=False)


def blocks(config):
    """What the parts of a model are, in words."""
    if config.repinit.compression:
        yield "compressed", tables(config.repinit.compression)
    for name, section in (("repinit", config.repinit), ("three_body", config.three_body)):
        if section is not None:
            yield name, f"{reach(section)}, widths {list(section.widths)}"
    former = config.repformer
    yield "repformer", f"{reach(former)}, {former.layers} layers, f {former.atom_dim}, g {former.pair_dim}"
    yield "fitting", f"widths {list(config.fitting.widths)}, {config.fitting.dtype}"
    yield "descriptor", f"{config.descriptor_dim} numbers per atom, {config.dtype}"


def tables(compression) -> str:
    """What is a table in a compressed model."""
    geometry = f", the embedding net of repinit ({compression.intervals} intervals)" if compression.intervals else ""
    return f"the type gate of repinit{geometry}"


def reach(section) -> str:
    """Cutoff and capacity in words."""
    return f"{section.inner_cutoff:g} … {section.cutoff:g} Å, at most {section.max_neighbors} neighbours"
