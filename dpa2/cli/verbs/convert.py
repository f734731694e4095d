"""`dpa2 convert A B`: the same model in another format."""

from __future__ import annotations

from dataclasses import asdict
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
    from ...serialization import converted

    done = converted(source, target, head, dtype, overwrite=force)
    if as_json:
        tell({"source": source, "target": target} | asdict(done))
        return
    tell_line(f"{source} → {target}, {in_words(done, dtype)}")
    if done.left_out:
        tell_line(f"not written, because it is not part of the model: {', '.join(done.left_out)}")
    tell_line(done.digest)


def in_words(done, dtype: str | None) -> str:
    """Return the change of the numbers of a model, in words."""
    if done.rounding is None:
        return "read back and equal"
    change = f"largest relative change {done.rounding:.1e}" if done.rounding else "no number changed"
    return f"rounded to {dtype} ({change}), read back"
