"""Which kind of file is which, by its name and by its content, and how each is read and written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import FormatError, InputError, UnsupportedModel
from .checkpoint import Checkpoint
from .hdf5 import read_hdf5, write_hdf5
from .native_tree import checkpoint_to_tree, tree_to_checkpoint
from .safetensors import read_safetensors, write_safetensors
from .text import read_json, read_yaml, write_json, write_yaml


@dataclass(frozen=True)
class Container:
    """A kind of file: what its content looks like, how to read it, and how to write it if that is possible."""

    name: str
    suffixes: tuple[str, ...]
    looks_like: Callable[[bytes], bool]
    decode: Callable[[bytes], Checkpoint]
    encode: Callable[[Checkpoint], bytes]

    def write(self, checkpoint: Checkpoint, path: Path):
        """Write a model to a place where nothing is."""
        path.write_bytes(self.encode(checkpoint))


def of_trees(read: Callable, write: Callable) -> tuple[Callable, Callable]:
    """`decode` and `encode` of a container of native trees."""
    return lambda data: tree_to_checkpoint(read(data)), lambda checkpoint: write(checkpoint_to_tree(checkpoint))


def is_hdf5(data: bytes) -> bool:
    return data.startswith(b"\x89HDF\r\n\x1a\n")


def is_safetensors(data: bytes) -> bool:
    """Eight bytes of length, then a JSON object."""
    return data[8:9] == b"{" and int.from_bytes(data[:8], "little") < 100_000_000


def is_json(data: bytes) -> bool:
    return data[:1000].lstrip()[:1] == b"{"


def is_yaml(data: bytes) -> bool:
    """Text: no control characters but white space."""
    return not any(c < 32 and c not in b"\t\n\r" for c in data[:1000])


CONTAINERS = (  # in the order in which their contents are told apart
    Container("HDF5", (".dp", ".hlo"), is_hdf5, *of_trees(read_hdf5, write_hdf5)),
    Container("safetensors", (".safetensors",), is_safetensors, read_safetensors, write_safetensors),
    Container("JSON", (".json",), is_json, *of_trees(read_json, write_json)),
    Container("YAML", (".yaml", ".yml"), is_yaml, *of_trees(read_yaml, write_yaml)),
)
WRITABLE = [suffix for container in CONTAINERS for suffix in container.suffixes if suffix != ".hlo"]
HINT = "`dp freeze` it, if it is a training checkpoint, and `dp convert-backend` it to .dp"
NOT_READ = {
    ".pt": "a PyTorch checkpoint",
    ".pth": "a TorchScript model",
    ".pt2": "a compiled PyTorch model",
    ".pte": "an exported PyTorch model",
    ".pd": "a Paddle checkpoint",
    ".pdiparams": "Paddle parameters",
    ".pb": "a TensorFlow graph",
    ".jax": "an Orbax directory",
    ".savedmodel": "a TensorFlow directory",
    ".savedmodeltf": "a TensorFlow directory",
}


def container_of(path: Path, data: bytes) -> Container:
    """The container of a file's content; its name may not say another one."""
    by_content = next((c for c in CONTAINERS if c.looks_like(data)), None)
    by_name = next((c for c in CONTAINERS if path.suffix.lower() in c.suffixes), None)
    if not data or by_content is None:
        raise FormatError("is empty" if not data else "is of no known kind: neither HDF5 nor safetensors nor text")
    json_as_yaml = by_content.name == "JSON" and by_name is not None and by_name.name == "YAML"
    if by_name not in (None, by_content) and not json_as_yaml:
        names = f"is called {path.suffix}, but its content is not {by_name.name}; it looks like {by_content.name}"
        raise FormatError(f"{names}: damaged, or misnamed")
    return by_content


def container_for(path: Path) -> Container:
    """The container that a new file's name asks for."""
    if path.suffix.lower() in WRITABLE:
        return next(c for c in CONTAINERS if path.suffix.lower() in c.suffixes)
    known = ", ".join(WRITABLE)
    raise InputError(
        f"{path}: cannot write {path.suffix or 'a file without a suffix'}; known: {known}", argument="path"
    )


def refuse_by_name(path: Path):
    """Files whose name says that they are of a kind that is not read."""
    if path.suffix.lower() in NOT_READ:
        what = NOT_READ[path.suffix.lower()]
        raise UnsupportedModel(f"is called like {what}, which is not read; {HINT}", what=what, hint=HINT)
    if path.is_dir():
        raise FormatError("is a directory, not a file")
