"""Which kind of file is which, by its name and by its content, and how each is read and written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import FormatError, InputError, UnsupportedModel
from .checkpoint import Checkpoint
from .contents import Contents
from .formats.hdf5 import read_hdf5, write_hdf5
from .formats.orbax import is_orbax, read_orbax
from .formats.orbax_writer import write_orbax
from .formats.paddle import read_paddle
from .formats.pytorch import read_archive
from .formats.pytorch_writer import write_checkpoint
from .formats.safetensors import read_safetensors, write_safetensors
from .formats.text import read_json, read_yaml, write_json, write_yaml
from .tree.native_tree import checkpoint_to_tree, tree_to_checkpoint


@dataclass(frozen=True)
class Container:
    """A kind of file: what it looks like, and how to read it; `write`, to a place where nothing is, if it can be."""

    name: str
    suffixes: tuple[str, ...]
    looks_like: Callable[[bytes], bool]
    read: Callable[[Path], Contents]
    write: Callable[[Checkpoint, Path], None] | None = None
    written: tuple[str, ...] = ()


def single(name: str, suffixes, looks_like, decode: Callable, encode: Callable, written) -> Container:
    """A container whose bytes are one model."""

    def read(path: Path) -> Contents:
        return Contents.single(name, decode(path.read_bytes()))

    return Container(name, suffixes, looks_like, read, to_bytes(encode), written)


def of_trees(name: str, suffixes, looks_like, read: Callable, write: Callable, written) -> Container:
    """A container of one native tree."""
    decode, encode = lambda data: tree_to_checkpoint(read(data)), lambda model: write(checkpoint_to_tree(model))
    return single(name, suffixes, looks_like, decode, encode, written)


def to_bytes(encode: Callable[[Checkpoint], bytes]) -> Callable[[Checkpoint, Path], None]:
    """Write what `encode` gives."""

    def write(checkpoint: Checkpoint, path: Path) -> None:
        path.write_bytes(encode(checkpoint))

    return write


def is_hdf5(data: bytes) -> bool:
    return data.startswith(b"\x89HDF\r\n\x1a\n")


def is_safetensors(data: bytes) -> bool:
    """Eight bytes of length, then a JSON object."""
    return data[8:9] == b"{" and int.from_bytes(data[:8], "little") < 100_000_000


def is_archive(data: bytes) -> bool:
    return data.startswith(b"PK\x03\x04")


def is_pickle(data: bytes) -> bool:
    """Protocol 2 or newer."""
    return data[:1] == b"\x80" and 2 <= int.from_bytes(data[1:2], "little") <= 5


def is_json(data: bytes) -> bool:
    return data.lstrip()[:1] == b"{"


def is_yaml(data: bytes) -> bool:
    """Text: no control characters but white space."""
    return not any(c < 32 and c not in b"\t\n\r" for c in data)


def is_directory(data: bytes) -> bool:
    """Never: a directory is told from a file before."""
    return False


CONTAINERS = (  # in the order in which their contents are told apart
    of_trees("HDF5", (".dp", ".hlo"), is_hdf5, read_hdf5, write_hdf5, (".dp",)),
    Container("a PyTorch archive", (".pt", ".pth", ".pt2", ".pte"), is_archive,
              lambda path: read_archive(path.read_bytes()), to_bytes(write_checkpoint), (".pt",)),
    single("safetensors", (".safetensors",), is_safetensors, read_safetensors, write_safetensors, (".safetensors",)),
    of_trees("JSON", (".json",), is_json, read_json, write_json, (".json",)),
    Container("a pickle", (".pd",), is_pickle, lambda path: read_paddle(path.read_bytes())),
    of_trees("YAML", (".yaml", ".yml"), is_yaml, read_yaml, write_yaml, (".yaml", ".yml")),
    Container("an Orbax directory", (".jax",), is_directory, read_orbax, write_orbax, (".jax",)),
)  # fmt: skip
ORBAX = CONTAINERS[-1]
WRITABLE = {suffix: container for container in CONTAINERS for suffix in container.written}
ROUTE = "convert the checkpoint or the .dp that it was made from"
NOT_READ = {  # the weights in these are constants without names in a compiled graph
    ".pdiparams": "parameters of a Paddle inference program, whose names are lost",
    ".pb": "a TensorFlow graph, and no DPA-2 model is ever one",
    ".savedmodel": "a TensorFlow program, in which weights are constants without names",
    ".savedmodeltf": "a TensorFlow program, in which weights are constants without names",
}
NOT_WRITTEN = {  # these hold programs besides the weights
    ".pth": "write a .dp and let DeePMD-kit make its program: dp convert-backend model.dp model.pth",
    ".pt2": "write a .dp and let DeePMD-kit compile it: dp convert-backend model.dp model.pt2",
    ".pte": "write a .dp and let DeePMD-kit export it: dp convert-backend model.dp model.pte",
    ".hlo": "write a .dp and let DeePMD-kit compile it: dp convert-backend model.dp model.hlo",
    ".pd": "write a .dp and let DeePMD-kit convert it: dp convert-backend model.dp model.json",
}


def container_of(path: Path) -> Container:
    """The container of a file's content; its name may not say another one."""
    if path.is_dir():
        return ORBAX if is_orbax(path) else refuse_directory()
    with path.open("rb") as file:
        data = file.read(1000)
    by_content = next((c for c in CONTAINERS if c.looks_like(data)), None)
    by_name = next((c for c in CONTAINERS if path.suffix.lower() in c.suffixes), None)
    if not data or by_content is None:
        raise FormatError("is empty" if not data else "is of no known kind: neither binary nor text of a model")
    json_as_yaml = by_content.name == "JSON" and by_name is not None and by_name.name == "YAML"
    if by_name not in (None, by_content) and not json_as_yaml:
        names = f"is called {path.suffix}, but its content is not {by_name.name}; it looks like {by_content.name}"
        raise FormatError(f"{names}: damaged, or misnamed")
    return by_content


def refuse_directory():
    raise FormatError("is a directory, and not one of a JAX model")


def container_for(path: Path) -> Container:
    """The container that a new file's name asks for."""
    suffix = path.suffix.lower()
    if suffix in WRITABLE:
        return WRITABLE[suffix]
    hint = NOT_WRITTEN.get(suffix, f"known: {', '.join(WRITABLE)}")
    raise InputError(f"{path}: cannot write {suffix or 'a file without a suffix'}; {hint}", argument="path", hint=hint)


def refuse_by_name(path: Path) -> None:
    """Files whose name says that they are of a kind that is not read."""
    what = NOT_READ.get(path.suffix.lower())
    if what is not None:
        raise UnsupportedModel(f"is called like {what}, which is not read; {ROUTE}", what=what, hint=ROUTE)
