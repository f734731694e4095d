"""`dpa2 convert A B`: the same weights in another format."""

from __future__ import annotations

from typing import Annotated

import typer

from .app import AsJson, Head, app, out, tell


@app.command()
def convert(
    source: Annotated[str, typer.Argument(help="The model file to read.")],
    target: Annotated[str, typer.Argument(help="The file to write; its suffix says the format.")],
    head: Head = None,
    dtype: Annotated[str | None, typer.Option(help="Round all numbers to float32, ...; else no bit changes.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file to write if it exists.")] = False,
    as_json: AsJson = False,
) -> None:
    """Convert a model file, read the result back, and compare every bit."""
    from ..api import convert as convert_file

    digest = convert_file(source, target, head=head, dtype=dtype, overwrite=force)
    if as_json:
        tell({"source": source, "target": target, "digest": digest})
    else:
        out.print(f"{source} → {target}, read back and equal\n{digest}", highlight=False, soft_wrap=True)
