"""Models of JAX: an Orbax directory, whose arrays lie in a key-value store as zarr arrays.

Source: section 8.1 of the description of formats.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy

from ...dtypes import IN_NUMPY
from ...errors import FormatError, UnsupportedModel, require, shorten
from ..bfloat16 import BFLOAT16
from ..checkpoint import Checkpoint
from ..contents import MOST_EXPANSION, Contents
from ..settings.plain import parse_json
from ..state.state import State, state_to_checkpoint
from ..state.training import BELOW
from .container import Container
from .orbax_writer import SCRIPT, STATE, write_orbax

NUMBERS = {f"<{dtype.raw}" for dtype in IN_NUMPY} | {"bfloat16", "<i8", "<i4", "|b1"}  # dtypes as zarr names them


def is_orbax(path: Path) -> bool:
    """Return whether a directory has the parts of a JAX model."""
    return (path / STATE).is_dir() and (path / SCRIPT).is_file()


def read_orbax(path: Path) -> Contents:
    """The models in a directory."""
    refuse_links(path)
    script = read_json(path / SCRIPT)
    arrays = Arrays(path)
    distance = script.pop("_min_nbor_dist", None)
    known = isinstance(distance, float) and math.isfinite(distance) and distance > 0
    notes = {"min_distance": distance} if known else {}

    def model(head: str | None, section: dict) -> Checkpoint:
        """The model of a head, from the arrays under its own name only."""
        prefix = BELOW if head is None else f"models.{head}.{BELOW}"
        return state_to_checkpoint(arrays.below(prefix), section, notes)

    return Contents.of_script("Orbax directory", script, model)


def refuse_links(path: Path) -> None:
    """Refuse a directory that contains anything but directories and plain files."""
    for entry in (path, *path.rglob("*")):
        if entry.is_symlink() or not (entry.is_dir() or entry.is_file()):
            raise FormatError(
                f"contains {entry.relative_to(path)}, which is a link or no plain file; links are not followed",
                key=entry.name,
            )


def read_json(path: Path) -> dict:
    """A dictionary in a file."""
    found = parse_json(path.read_bytes(), path.name, path.name)
    return found if isinstance(found, dict) else refuse_program(path)


def refuse_program(path: Path):
    raise UnsupportedModel(
        f"holds no model: its file {path.name} is not a JSON object of settings", what="another kind of Orbax directory"
    )


def is_shape(value) -> bool:
    return isinstance(value, list) and all(isinstance(n, int) and n >= 0 for n in value)


class Arrays:
    """The arrays in a directory, read one by one when they are asked for, within a limit of all of them."""

    def __init__(self, path: Path):
        self.tensorstore = require("tensorstore", "orbax")
        self.base = f"file://{(path / STATE).resolve()}/"
        self.budget = MOST_EXPANSION * sum(entry.stat().st_size for entry in path.rglob("*") if entry.is_file())
        self.store = self.guarded(
            lambda: self.tensorstore.KvStore.open({"driver": "ocdbt", "base": self.base}).result()
        )
        self.keys = [key.decode(errors="replace") for key in self.guarded(lambda: self.store.list().result())]

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
        described = self.guarded(lambda: json.loads(self.store[f"{name}/.zarray".encode()]))
        described = described if isinstance(described, dict) else {}
        shape, chunks, kind = (described.get(key) for key in ("shape", "chunks", "dtype"))
        if not (isinstance(kind, str) and kind in NUMBERS and is_shape(shape) and is_shape(chunks)):
            raise FormatError(
                f"array {name} has dtype {shorten(kind)} and shape {shorten(shape)}, which no model has", key=name
            )
        self.budget -= sum(8 * math.prod(sizes) for sizes in (shape, chunks) if sizes is not None)
        if self.budget < 0:
            raise FormatError(f"array {name} claims more data than a directory of this size can hold", key=name)
        address = {"driver": "ocdbt", "base": self.base, "path": name}
        opened = self.guarded(lambda: self.tensorstore.open({"driver": "zarr", "kvstore": address}).result())
        found = self.guarded(lambda: opened.read().result())
        return found.view(BFLOAT16) if kind == "bfloat16" else found


CONTAINERS = (
    Container(
        "an Orbax directory", (".jax",), is_orbax, read=read_orbax, write=write_orbax, written=(".jax",), directory=True
    ),
)
