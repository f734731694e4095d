"""Genuine files to hide an attack in: a reader that refuses only what is incomplete would let it pass."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np

from dpa2.demo import MODEL

SCRIPT = Path(__file__).parents[1] / "data" / "samples" / "dpa2_tiny.frozen.pth"  # the same model
SUFFIXES = (".dp", ".yaml", ".json", ".safetensors", ".pt", ".jax")


def write(folder: Path) -> dict[str, bytes]:
    """One model in all formats, by suffix."""
    from dpa2.serialization import convert

    for suffix in SUFFIXES:
        convert(MODEL, folder / f"genuine{suffix}")
    (folder / "genuine.pd").write_bytes(paddle((folder / "genuine.pt").read_bytes()))
    if SCRIPT.exists():
        (folder / "genuine.pth").write_bytes(SCRIPT.read_bytes())
    return {path.suffix: path.read_bytes() for path in folder.glob("genuine.*") if path.is_file()}


def contents(data: bytes) -> dict[str, bytes]:
    """The entries of an archive, without its root folder."""
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return {name.partition("/")[2]: file.read(name) for name in file.namelist()}


def paddle(data: bytes) -> bytes:
    """A PyTorch checkpoint of ours as one of Paddle, which is one pickle of NumPy's arrays."""
    return pickled(Ours(contents(data)).load()["model"])


def multitask(data: bytes, *heads: str) -> bytes:
    """The same with several heads, of which each has an output bias larger by one than the one before."""
    state = Ours(contents(data)).load()["model"]
    settings = state.pop("_extra_state")["model_params"]
    found: dict = {"_extra_state": {"model_params": {"shared_dict": {}, "model_dict": dict.fromkeys(heads, settings)}}}
    for k, head in enumerate(heads):
        mine = {name.replace("model.Default.", f"model.{head}."): value for name, value in state.items()}
        mine[f"model.{head}.atomic_model.out_bias"] = mine[f"model.{head}.atomic_model.out_bias"] + k
        found |= mine
    return pickled(found)


def pickled(state: dict) -> bytes:
    """A checkpoint of Paddle, without the frames of newer pickles, in which nothing could be hidden."""
    tensors = {name: (name, value) if isinstance(value, np.ndarray) else value for name, value in state.items()}
    return pickle.dumps({"model": OrderedDict(tensors)}, protocol=3)


class Ours(pickle.Unpickler):
    """Reads a checkpoint that we wrote ourselves, a moment ago."""

    def __init__(self, entries: dict[str, bytes]):
        super().__init__(io.BytesIO(entries["data.pkl"]))
        self.entries = entries

    def find_class(self, module: str, name: str):
        return {"_rebuild_tensor_v2": rebuild, "OrderedDict": OrderedDict, "DoubleStorage": "f8"}[name]

    def persistent_load(self, identifier: tuple) -> np.ndarray:
        _, kind, key, *_ = identifier
        return np.frombuffer(self.entries[f"data/{key}"], kind)


def rebuild(storage: np.ndarray, offset: int, shape: tuple, *_) -> np.ndarray:
    return storage[offset : offset + int(np.prod(shape))].reshape(shape)
