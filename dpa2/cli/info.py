"""`dpa2 info FILE`: what is in a model file."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from .app import AsJson, Head, app, out, tell


@app.command()
def info(
    file: Annotated[str, typer.Argument(help="A model file: .dp, .yaml, .json, .safetensors.")],
    tensors: Annotated[bool, typer.Option("--tensors", help="List every tensor.")] = False,
    head: Head = None,
    as_json: AsJson = False,
) -> None:
    """Show types, blocks, size and digest of a model."""
    from ..serialization import read

    checkpoint = read(file, head=head)
    shapes = {name: list(w.shape) for name, w in sorted(checkpoint.weights.items())}
    facts = {
        "file": file,
        "types": list(checkpoint.config.types),
        "parameters": sum(w.size for w in checkpoint.weights.values()),
        "bytes": sum(w.nbytes for w in checkpoint.weights.values()),
        "digest": checkpoint.digest(),
    }
    if as_json:
        tell(facts | {"config": checkpoint.config.to_dict()} | ({"tensors": shapes} if tensors else {}))
        return
    show(facts, checkpoint.config)
    for name, shape in shapes.items() if tensors else ():
        out.print(f"  {name}  {'×'.join(map(str, shape))}", highlight=False)


def show(facts: dict, config) -> None:
    """A table of the facts, and one line for each block."""
    table = Table(show_header=False, box=None)
    for name in ("file", "types", "parameters", "bytes"):
        value = ", ".join(facts[name]) if name == "types" else f"{facts[name]}"
        table.add_row(name, value)
    for name, section in (("repinit", config.repinit), ("three_body", config.three_body)):
        if section is not None:
            table.add_row(name, f"{reach(section)}, widths {list(section.widths)}")
    former = config.repformer
    dims = f"{former.layers} layers, f {former.atom_dim}, g {former.pair_dim}"
    table.add_row("repformer", f"{reach(former)}, {dims}")
    table.add_row("fitting", f"widths {list(config.fitting.widths)}, {config.fitting.dtype}")
    table.add_row("descriptor", f"{config.descriptor_dim} numbers per atom, {config.dtype}")
    out.print(table)
    out.print(f" {facts['digest']}", highlight=False, soft_wrap=True)


def reach(section) -> str:
    """Cutoff and capacity in words."""
    return f"{section.inner_cutoff:g} … {section.cutoff:g} Å, at most {section.max_neighbors} neighbours"
