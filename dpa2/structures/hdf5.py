"""Data sets in HDF5 files: groups and arrays with the names that directories and files have elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FormatError
from .chunks import count_of_chunks, require_chunks_fit

MOST_EXPANSION = 64  # an array may hold at most this many times the size of its file, since it may be compressed
MOST_CHUNKS = 10_000  # of an array, beside one for each hundred bytes of its file
MOST_WORDS = 100_000  # of an array of texts


@dataclass(frozen=True, order=True)
class Node:
    """A group or an array in an HDF5 file, with the methods of `pathlib.Path` that data sets use."""

    file: Path
    inside: str  # names of groups and of the array, with "/" between them; empty for the whole file

    def __str__(self) -> str:
        return f"{self.file}#/{self.inside}"

    def __truediv__(self, name: str) -> Node:
        return Node(self.file, f"{self.inside}/{name}".strip("/"))

    @property
    def parent(self) -> Node:
        return Node(self.file, self.inside.rpartition("/")[0])

    @property
    def name(self) -> str:
        return self.inside.rpartition("/")[2]

    @property
    def stem(self) -> str:
        return self.name.rpartition(".")[0]

    def exists(self) -> bool:
        """Return whether there is such a group or array."""
        return self.ask(lambda node: node is not None)

    def is_dir(self) -> bool:
        """Return whether this is a group."""
        return self.ask(lambda node: hasattr(node, "keys"))

    def glob(self, pattern: str) -> Iterator[Node]:
        """Return the members of the group whose names match a pattern such as "set.*"."""
        names = self.ask(lambda node: list(node.keys()) if hasattr(node, "keys") else [])
        return (self / name for name in names if name.startswith(pattern.removesuffix("*")))

    def rglob(self, name: str) -> Iterator[Node]:
        """Everything of that name in the group and in the groups below it."""
        found: list[str] = []
        self.ask(lambda node: node.visit(found.append) if hasattr(node, "visit") else None)
        return (self / path for path in found if path.rpartition("/")[2] == name)

    def read_text(self, encoding: str) -> str:
        """The words of an array of names or numbers, one in a line."""
        words = np.ravel(self.ask(lambda node: texts(node, self) if is_of_texts(node) else content(node, self)))
        return "\n".join(word.decode(encoding) if isinstance(word, bytes) else str(word) for word in words.tolist())

    def array(self) -> np.ndarray:
        """The numbers of an array."""
        return kept(self, self.file.stat().st_mtime_ns)

    def ask(self, question: Callable[[Any], Any]):
        """The answer about what is in the file at this place, which is None if there is nothing."""
        import h5py

        try:
            with h5py.File(self.file, "r") as file:
                return question(found(file, self))
        except FormatError:
            raise
        except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
            raise FormatError(f"{self}: damaged HDF5 file ({error})", file=str(self.file)) from error


def found(file, place: Node):
    """The group or array at a place, or None; links to other places are not followed."""
    import h5py

    node = file
    for name in filter(None, place.inside.split("/")):
        if not hasattr(node, "keys") or name not in node:
            return None
        if not isinstance(node.get(name, getlink=True), h5py.HardLink):
            raise FormatError(f"{place}: is a link, and links are not followed", file=str(place.file))
        node = node[name]
    return node


def content(node, place: Node) -> np.ndarray:
    """Return the numbers of an array, if it lies in this file and is no larger than the file can hold."""
    if node is None or hasattr(node, "keys") or node.shape is None:
        raise FormatError(f"{place}: is missing, or not an array", file=str(place.file))
    if node.is_virtual or node.external:
        raise FormatError(f"{place}: lies in another file, which is not read", file=str(place.file))
    size = place.file.stat().st_size
    if node.size * node.dtype.itemsize > MOST_EXPANSION * size or count_of_chunks(node) > MOST_CHUNKS + size // 100:
        raise FormatError(f"{place}: claims more data than a file of this size can hold", file=str(place.file))
    if node.dtype.hasobject:
        raise FormatError(f"{place}: holds {node.dtype}, neither numbers nor names", file=str(place.file))
    require_chunks_fit(node, f"/{place.inside}", MOST_EXPANSION * size)
    return np.asarray(node[()])


def is_of_texts(node) -> bool:
    """Return whether a node is an array of texts of any length."""
    return hasattr(node, "dtype") and node.dtype.hasobject and getattr(node.dtype, "metadata", None) is not None


def texts(node, place: Node) -> list:
    """Return the texts of an array, read one by one, since all may lie at one place of the file."""
    import h5py

    left = place.file.stat().st_size
    if h5py.check_string_dtype(node.dtype) is None or node.is_virtual or node.external or node.size > MOST_WORDS:
        raise FormatError(f"{place}: holds no names, or too many", file=str(place.file))
    require_chunks_fit(node, f"/{place.inside}", MOST_EXPANSION * left)
    found = []
    for k in np.ndindex(node.shape):
        found.append(node[k])
        left -= len(found[-1])
        if left < 0:
            raise FormatError(f"{place}: claims longer names than a file of this size can hold", file=str(place.file))
    return found


@lru_cache(maxsize=16)
def kept(place: Node, _: int) -> np.ndarray:
    """The numbers of an array, kept as long as the file does not change."""
    return place.ask(lambda node: content(node, place))
