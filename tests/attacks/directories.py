"""Hostile models of JAX: directories that reach outside, or whose arrays are not what their descriptions say."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from .hdf5 import HUGE, bomb_chunk


def store(folder: Path):
    """The key-value store of the arrays."""
    import tensorstore

    address = {"driver": "ocdbt", "base": f"file://{folder / 'state'}/"}
    return tensorstore.KvStore.open(address).result()


def describe(folder: Path, change: Callable[[bytes], bytes]) -> bytes:
    """Change the description of the output bias; returns the key of its numbers."""
    arrays = store(folder)
    name = b"atomic_model.out_bias/"
    arrays.write(name + b".zarray", change(arrays[name + b".zarray"])).result()
    return next(key for key in arrays.list().result() if key.startswith(name) and not key.endswith(b".zarray"))


def described(**changes) -> Callable[[Path], None]:
    """An array whose description has been changed."""
    return lambda folder: describe(folder, lambda text: json.dumps(json.loads(text) | changes).encode()) and None


def description(text: bytes) -> Callable[[Path], None]:
    """An array with another description."""
    return lambda folder: describe(folder, lambda _: text) and None


def chunk_that_swells(folder: Path):
    """Its chunk unpacks to more than it is said to hold."""
    zipped = {"compressor": {"id": "zlib", "level": 9}}
    key = describe(folder, lambda text: json.dumps(json.loads(text) | zipped).encode())
    store(folder).write(key, bomb_chunk(8 * HUGE)).result()


def linked(inside: str, target: str) -> Callable[[Path], None]:
    """A symbolic link in place of a file or a folder."""

    def change(folder: Path):
        place = folder / inside
        shutil.rmtree(place) if place.is_dir() else place.unlink()
        os.symlink(target, place)

    return change


def written(inside: str, content: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / inside).write_bytes(content) and None


def truncated(folder: Path):
    path = folder / "state" / "manifest.ocdbt"
    path.write_bytes(path.read_bytes()[:-10])


def damaged(folder: Path):
    """A bit is wrong in the middle of each file of the store."""
    for path in (folder / "state").rglob("d/*"):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0x10
        path.write_bytes(data)


def emptied(folder: Path):
    shutil.rmtree(folder / "state" / "d")


def with_pipe(folder: Path):
    (folder / "state" / "manifest.ocdbt").unlink()
    os.mkfifo(folder / "state" / "manifest.ocdbt")


SCRIPT = "model_def_script/metadata"
CHANGES: dict[str, Callable[[Path], None]] = {
    "link-to-script": linked(SCRIPT, "/etc/passwd"),
    "link-to-state": linked("state", "../genuine.jax/state"),
    "link-to-manifest": linked("state/manifest.ocdbt", "../../genuine.jax/state/manifest.ocdbt"),
    "pipe": with_pipe,
    "manifest-cut": truncated,
    "manifest-empty": written("state/manifest.ocdbt", b""),
    "manifest-of-garbage": written("state/manifest.ocdbt", b"\x0c\xdb\x3a\x2a" + b"\xff" * 100),
    "bits-flipped": damaged,
    "nothing-in-it": emptied,
    "script-cut": written(SCRIPT, b'{"descriptor": {'),
    "script-deep": written(SCRIPT, b'{"a":' * 200_000),
    "script-list": written(SCRIPT, b"[" + b"[],[]" + b"]"),
    "heads-of-words": written(SCRIPT, b'{"model_dict": "os.system"}'),
    "shape-huge": described(shape=[10**12]),
    "shape-huge-in-large-chunks": described(shape=[HUGE], chunks=[HUGE]),
    "shape-negative": described(shape=[-1]),
    "shape-of-words": described(shape=["2"]),
    "chunks-negative": described(shape=[HUGE], chunks=[-HUGE]),
    "chunks-of-words": described(chunks=["x"]),
    "chunks-huge": described(chunks=[10**12]),
    "chunks-a-number": described(chunks=7),
    "objects": described(dtype="|O"),
    "records": described(dtype=[["a", "<f8"]]),
    "unknown-compressor": described(compressor={"id": "evil"}),
    "filters": described(filters=[{"id": "pickle"}]),
    "description-list": description(b"[]"),
    "description-number": description(b"7"),
    "description-deep": description(b'{"shape":' + b"[" * 200_000),
    "description-not-utf8": description(b'{"shape": "\xff"}'),
    "chunk-that-swells": chunk_that_swells,
}


def build(folder: Path) -> Iterator[str]:
    """Copies of a genuine directory, each with one change; their names."""
    for what, change in CHANGES.items():
        path = folder / f"{what}.jax"
        shutil.copytree(folder / "genuine.jax", path)
        change(path)
        yield path.name
