"""Models of JAX: an Orbax directory, whose arrays lie in a key-value store as zarr arrays.

Source: section 8.1 of the description of formats.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy

from ...dtypes import IN_NUMPY
from ...errors import FormatError, UnsupportedModel, require, shorten
from ..bfloat16 import BFLOAT16
from ..budget import spend
from ..checkpoint import Checkpoint
from ..contents import MOST_EXPANSION, Contents
from ..settings.plain import parse_json, strict_json
from ..state.state import State, state_to_checkpoint
from ..state.training import BELOW
from .container import Container
from .orbax_writer import MEMORY, SCRIPT, STATE, write_orbax

NUMBERS = {f"<{dtype.raw}" for dtype in IN_NUMPY} | {"bfloat16", "<i8", "<i4", "|b1"}  # dtypes as zarr names them

# What may lie in a directory: nothing else is removed with it when it is replaced.
FOLDERS = re.compile(r"model_def_script|state|state/array_metadatas|state/(ocdbt\.process_\d+|(ocdbt\.process_\d+/)?d)")
FILES = re.compile(
    r"_CHECKPOINT_METADATA|((model_def_script|state)/)?commit_success\.txt|model_def_script/metadata"
    r"|state/(_METADATA|_sharding|array_metadatas/process_\d+|(ocdbt\.process_\d+/)?(manifest\.ocdbt|d/[0-9a-f]+)(\.__lock)?)"
)


def is_orbax(path: Path) -> bool:
    """Return whether a directory has the parts of a JAX model."""
    return (path / STATE).is_dir() and (path / SCRIPT).is_file()


def read_orbax(path: Path) -> Contents:
    """The models in a directory."""
    files = files_in(path)
    script = read_json(files, SCRIPT)
    arrays = Arrays(files)
    distance = script.pop("_min_nbor_dist", None)
    known = isinstance(distance, float) and math.isfinite(distance) and distance > 0
    notes = {"min_distance": distance} if known else {}

    def model(head: str | None, section: dict) -> Checkpoint:
        """The model of a head, from the arrays under its own name only."""
        prefix = BELOW if head is None else f"models.{head}.{BELOW}"
        return state_to_checkpoint(arrays.below(prefix), section, notes)

    return Contents.of_script("Orbax directory", script, model)


def why_keep(path: Path) -> str:
    """Return the reason not to replace a directory by a model; empty if it is a model and nothing else is in it."""
    if not path.is_dir():
        return "is no directory, which a JAX model is"
    if not is_orbax(path):
        return "is a directory, but not one of a JAX model"
    foreign = sorted(str(place) for entry, place in entries(path) if not is_part(entry, place))
    return f"holds {shorten(foreign[0])}, which is no part of a JAX model" if foreign else ""


def entries(path: Path) -> list[tuple[Path, Path]]:
    """All entries of a directory, each with its path below it; links are not followed."""
    return [(entry, entry.relative_to(path)) for entry in path.rglob("*")]


def is_part(entry: Path, place: Path) -> bool:
    """Whether an entry is one that Orbax or this program makes."""
    if entry.is_symlink():
        return False
    return (FOLDERS if entry.is_dir() else FILES).fullmatch(place.as_posix()) is not None


def files_in(path: Path) -> dict[Path, bytes]:
    """The contents of the parts of a model; links and other things than plain files among them are refused."""
    for entry, place in entries(path):
        spend(1000, steps=20)
        if entry.is_symlink() or not (entry.is_dir() or entry.is_file()):
            raise FormatError(
                f"contains {place}, which is a link or no plain file; links are not followed", key=entry.name
            )
    parts = [(e, place) for e, place in entries(path) if e.is_file() and (place == SCRIPT or STATE in place.parents)]
    return {place: entry.read_bytes() for entry, place in parts}


def read_json(files: dict[Path, bytes], path: Path) -> dict:
    """A dictionary in a file."""
    found = parse_json(files[path], path.name, path.name)
    return found if isinstance(found, dict) else refuse_program(path)


def refuse_program(path: Path):
    raise UnsupportedModel(
        f"holds no model: its file {path.name} is not a JSON object of settings", what="another kind of Orbax directory"
    )


def is_shape(value) -> bool:
    return isinstance(value, list) and all(isinstance(n, int) and n >= 0 for n in value)


class Arrays:
    """The arrays in the files of a store, unpacked one by one when they are asked for, within a limit of all of them.

    The library is given the files in memory, so that no name in them leads it to another place.
    """

    def __init__(self, files: dict[Path, bytes]):
        self.tensorstore = require("tensorstore", "orbax")
        self.context = self.tensorstore.Context()
        size = sum(map(len, files.values()))
        self.budget = MOST_EXPANSION * size
        spend(size)  # for the copies
        copies = self.tensorstore.KvStore.open(MEMORY, context=self.context).result()
        for path in files.keys() - {SCRIPT}:
            copies.write(path.relative_to(STATE).as_posix().encode(), files[path]).result()
        address = {"driver": "ocdbt", "base": MEMORY}
        self.store = self.guarded(lambda: self.tensorstore.KvStore.open(address, context=self.context).result())
        self.keys = [key.decode(errors="replace") for key in self.guarded(lambda: self.store.list().result())]
        spend(sum(map(len, self.keys)) + 200 * len(self.keys), len(self.keys))

    def guarded(self, action):
        """The result of `action`, with `FormatError` in place of the library's errors."""
        try:
            return action()
        except (ValueError, OSError, RuntimeError, KeyError, TypeError) as error:
            raise FormatError(f"damaged Orbax directory ({shorten(str(error))})") from error

    def below(self, prefix: str) -> State:
        """All arrays whose names begin with `prefix`, by the rest of their names."""
        names = [key.removesuffix("/.zarray") for key in self.keys if key.endswith("/.zarray")]
        return {name.removeprefix(prefix): self.read(name) for name in names if name.startswith(prefix)}

    def read(self, name: str) -> numpy.ndarray:
        """One array; its description is checked before it is opened."""
        described = self.guarded(lambda: strict_json(self.store[f"{name}/.zarray".encode()]))
        described = described if isinstance(described, dict) else {}
        shape, chunks, kind = (described.get(key) for key in ("shape", "chunks", "dtype"))
        if not (isinstance(kind, str) and kind in NUMBERS and is_shape(shape) and is_shape(chunks)):
            raise FormatError(
                f"array {name} has dtype {shorten(kind)} and shape {shorten(shape)}, which no model has", key=name
            )
        needed = sum(8 * math.prod(sizes) for sizes in (shape, chunks) if sizes is not None)
        self.budget -= needed
        if self.budget < 0:
            raise FormatError(f"array {name} claims more data than a directory of this size can hold", key=name)
        spend(needed, steps=100)
        address = {"driver": "zarr", "kvstore": {"driver": "ocdbt", "base": MEMORY, "path": name}}
        opened = self.guarded(lambda: self.tensorstore.open(address, context=self.context).result())
        found = self.guarded(lambda: opened.read().result())
        return found.view(BFLOAT16) if kind == "bfloat16" else found


CONTAINERS = (
    Container(
        "an Orbax directory",
        (".jax",),
        is_orbax,
        read=read_orbax,
        write=write_orbax,
        written=(".jax",),
        directory=True,
        why_keep=why_keep,
    ),
)
