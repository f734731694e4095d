"""The description of one file format, of which each module of this folder declares its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from ..atomic import why_no_file
from ..checkpoint import Checkpoint
from ..contents import Contents
from ..tree.descriptors import tree_to_descriptor
from ..tree.native_tree import checkpoint_to_tree, tree_to_checkpoint


def by_deepmd(suffix: str) -> str:
    """Return how DeePMD-kit makes a file."""
    return f"write a .dp file and let DeePMD-kit convert it: dp convert-backend model.dp model{suffix}"


def never(_) -> bool:
    """False, for a format whose files are not recognized by their content."""
    return False


def no_reader(path: Path) -> NoReturn:
    raise NotImplementedError("this format is never read")


def no_writer(checkpoint: Checkpoint, path: Path) -> NoReturn:
    raise NotImplementedError("this format is never written")


@dataclass(frozen=True)
class Container:
    """One file format; no file may look like two formats, unless one of them is the last resort."""

    name: str
    suffixes: tuple[str, ...]  # of the files that may hold it
    recognize: Callable[[Any], bool] = never  # takes the first bytes of a file, or the path of a directory
    read: Callable[[Path], Contents] = no_reader
    write: Callable[[Checkpoint, Path], None] = no_writer  # makes the file or directory, which is not there yet
    written: tuple[str, ...] = ()  # suffixes for which `write` is used
    made_by: Mapping[str, str] = field(default_factory=dict)  # how it is made, by suffix
    why_not_read: str = ""  # noun phrase that says what such a file holds instead of readable weights
    directory: bool = False
    why_keep: Callable[[Path], str] = why_no_file  # why an existing entry is not to be replaced; "" if it may be
    last_resort: bool = False  # is chosen only for content that no other format recognizes


def single_model(name: str, decode: Callable[[bytes], Checkpoint], encode: Callable, **facts) -> Container:
    """A format whose bytes are one model."""

    def read(path: Path) -> Contents:
        return Contents.single(name, decode(path.read_bytes()))

    return Container(name, read=read, write=to_bytes(encode), **facts)


def native_tree(name: str, decode: Callable[[bytes], dict], encode: Callable[[dict], bytes], **facts) -> Container:
    """A format whose bytes are one native tree."""

    def read(path: Path) -> Contents:
        return of_tree(name, decode(path.read_bytes()))

    def write(checkpoint: Checkpoint) -> bytes:
        return encode(checkpoint_to_tree(checkpoint))

    return Container(name, read=read, write=to_bytes(write), **facts)


def of_tree(name: str, root: dict) -> Contents:
    """The contents of a file with one native tree."""
    return Contents(name, {None: partial(tree_to_checkpoint, root)}, descriptor=partial(tree_to_descriptor, root))


def to_bytes(encode: Callable[[Checkpoint], bytes]) -> Callable[[Checkpoint, Path], None]:
    """A function that writes the bytes from `encode` to a file."""

    def write(checkpoint: Checkpoint, path: Path) -> None:
        path.write_bytes(encode(checkpoint))

    return write
