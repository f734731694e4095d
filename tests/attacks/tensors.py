"""Hostile safetensors: headers that lie about the numbers behind them."""

from __future__ import annotations

import json
from collections.abc import Iterator


def packed(header: dict | bytes, data: bytes = bytes(16), length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def tensor(shape: list, start: int = 0, end: int = 16, dtype: str = "F64") -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def headers() -> Iterator[tuple[str, bytes]]:
    ours = {"__metadata__": {"format": "dpa2", "version": "1", "config": "{}", "metadata": "{}", "digest": "sha256:"}}
    one = ours | {"bias": tensor([2])}
    yield "length-of-all-memory", packed(one, length=2**63)
    yield "length-past-the-end", packed(one, length=2**20)
    yield "length-zero", packed(one, length=0)
    yield "deep", packed(b'{"a":' * 200_000)
    yield "no-object", packed(b"[1, 2]")
    yield "not-utf8", packed(b'{"\xff": 1}')
    yield "shape-overflows", packed(ours | {"bias": tensor([2**40, 2**40])})
    yield "shape-overflows-to-the-right-size", packed(ours | {"bias": tensor([2**62, 2**2, 2])})
    yield "shape-negative", packed(ours | {"bias": tensor([-2])})
    yield "shape-of-words", packed(ours | {"bias": tensor(["2"])})
    yield "offsets-past-the-end", packed(ours | {"bias": tensor([2], 0, 10**12)})
    yield "offsets-backwards", packed(ours | {"bias": tensor([2], 16, 0)})
    yield "offsets-negative", packed(ours | {"bias": tensor([2], -16, 0)})
    yield "tensors-that-overlap", packed(ours | {"a": tensor([2]), "b": tensor([2])})
    yield "numbers-of-nobody", packed(ours | {"bias": tensor([1], 0, 8)})
    yield "dtype-unknown", packed(ours | {"bias": tensor([2], dtype="O")})
    yield "names-twice", packed(json.dumps(one).encode()[:-1] + b', "bias": ' + json.dumps(tensor([2])).encode() + b"}")
    yield "tensors-without-end", packed(ours | {f"t{k}": tensor([0], 16, 16) for k in range(30_000)})
    yield "notes-of-numbers", packed({"__metadata__": {"format": 3}})
    for what, config in {
        "deep": "[" * 200_000, "list": "[]", "number": "9" * 100_000, "infinite": '{"types": [1e999]}',
        "types-without-end": json.dumps({"types": ["X"] * 200_000}),
    }.items():  # fmt: skip
        notes = ours["__metadata__"] | {"config": config}
        yield f"settings-{what}", packed({"__metadata__": notes, "bias": tensor([2])})


def files() -> Iterator[tuple[str, bytes]]:
    for what, content in headers():
        yield f"{what}.safetensors", content
