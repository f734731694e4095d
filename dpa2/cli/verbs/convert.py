"""`dpa2 convert A B`: the same model in another format."""

from __future__ import annotations

from typing import Annotated

import typer

from ..app import AsJson, Force, Group, Head, ModelFile, verb
from ..output import tell, tell_line


@verb(
    Group.USE, 3,
    "dpa2 convert run.pt water.dp",
    "dpa2 convert multitask.pt water.safetensors --head water",
    "dpa2 convert water.dp single.dp --dtype float32 --force",
)  # fmt: skip
def convert(
    source: ModelFile,
    target: Annotated[
        str,
        typer.Argument(
            help="The file to write; its suffix chooses the format: .dp, .yaml, .json, .safetensors, .pt or .jax."
        ),
    ],
    head: Head = None,
    dtype: Annotated[
        str | None, typer.Option(help="Round all numbers to float32, float16 or bfloat16; without it, no bit changes.")
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write a model file in another format, read it back, and check that no bit has changed."""
    from ...api import convert as convert_file

    digest = convert_file(source, target, head=head, dtype=dtype, overwrite=force)
    if as_json:
        tell({"source": source, "target": target, "digest": digest})
    else:
        tell_line(f"{source} → {target}, read back and equal")
        tell_line(digest)
