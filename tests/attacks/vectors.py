"""Hostile golden vectors and results of programs under test, which are safetensors files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from dpa2.conformance.vectors import GOLDEN

from . import tensors


def notes(**changes) -> bytes:
    """A genuine vector with other notes; what is None is left out."""
    data = genuine()
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    found = header["__metadata__"] | changes
    header["__metadata__"] = {key: value for key, value in found.items() if value is not None}
    return tensors.packed(header, data[end:])


def genuine() -> bytes:
    """The smallest vector of this package."""
    return min(GOLDEN.glob("*.safetensors"), key=lambda path: path.stat().st_size).read_bytes()


def files() -> Iterator[tuple[str, bytes]]:
    for what, content in tensors.headers():
        yield what, content
    many = {f"trace/{k}": tensors.tensor([0], 16, 16) for k in range(1_000_000)}
    yield "tensors-a-million", tensors.packed(many)
    yield "no-notes", tensors.packed({"trace/energy": tensors.tensor([2])})
    for what, changes in {
        "order-of-numbers": {"order": "[[1], {}]"}, "order-a-number": {"order": "7"},
        "order-deep": {"order": "[" * 200_000},
        "order-missing": {"order": None}, "config-list": {"config": "[]"}, "config-deep": {"config": '{"a":' * 200_000},
        "config-of-numbers": {"config": '{"types": [1, 2]}'}, "name-missing": {"name": None},
        "version-of-nobody": {"version": "2"}, "twice": {"config": '{"types": [], "types": []}'},
    }.items():  # fmt: skip
        yield what, notes(**changes)


def build(folder: Path) -> list[str]:
    """Write all; their names. `genuine.safetensors` is not hostile."""
    (folder / "genuine.safetensors").write_bytes(genuine())
    os.mkfifo(folder / "pipe.safetensors")
    with open(folder / "sparse.safetensors", "wb") as file:
        file.truncate(64 * 2**30)
    names = ["pipe.safetensors", "sparse.safetensors"]
    for what, content in files():
        (folder / f"{what}.safetensors").write_bytes(content)
        names.append(f"{what}.safetensors")
    return names
