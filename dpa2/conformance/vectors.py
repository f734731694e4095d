"""Golden vectors: a model, a structure, and every intermediate of its evaluation, in one file each.

A file is safetensors. Its header says what it is: `format`, `version`, `name`, `config` (as in the native format), and
`order`, the names of the intermediates in the order of computation. Tensors are `model/NAME`, `input/NAME` and
`trace/NAME` in float64, `trace32/NAME` of the same model in float32.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from ..config import DPA2Config
from ..errors import FormatError
from ..model import Model
from ..serialization.checkpoint import Checkpoint
from ..serialization.plain import canonical_json, config_from_plain, config_to_plain
from ..system import System
from ..tracing import trace

GOLDEN = Path(__file__).with_name("golden")
FORMAT, VERSION = "dpa2-vector", "1"


@dataclass(frozen=True)
class Vector:
    """What a file holds; `trace` in the order of computation, `trace32` of the same model in single precision."""

    name: str
    config: DPA2Config
    weights: dict[str, np.ndarray]
    system: System
    trace: dict[str, np.ndarray]
    trace32: dict[str, np.ndarray]

    @property
    def model(self) -> Model:
        """The model on NumPy."""
        return Model.from_checkpoint(Checkpoint(self.config, self.weights, {}), source=self.name)

    def reference(self, dtype: str) -> dict[str, np.ndarray]:
        """The intermediates in a precision."""
        return self.trace32 if dtype == "float32" else self.trace


def evaluated(model: Model, system: System) -> dict[str, np.ndarray]:
    """Every intermediate; lists that are too long are cut short."""
    return trace(model, system.coordinates, system.types, system.cell, neighbors="truncate")


def made() -> Iterator[Vector]:
    """All vectors, computed now."""
    from .models import subjects

    for subject in subjects():
        model, system = subject.model, subject.system
        single = evaluated(model.to("numpy", dtype="float32"), system)
        weights = model.checkpoint().weights
        yield Vector(subject.name, model.config, weights, system, evaluated(model, system), single)


def encode(vector: Vector) -> bytes:
    """The bytes of a file: the same vector gives the same bytes."""
    from safetensors.numpy import save

    tensors = {f"model/{name}": array for name, array in vector.weights.items()}
    tensors |= {f"input/{name}": array for name, array in inputs(vector.system).items()}
    tensors |= {f"trace/{name}": array for name, array in vector.trace.items()}
    tensors |= {f"trace32/{name}": single(array) for name, array in vector.trace32.items()}
    notes = {"format": FORMAT, "version": VERSION, "name": vector.name, "order": json.dumps(list(vector.trace))}
    notes["config"] = canonical_json(config_to_plain(vector.config))
    return save({name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors)}, notes)


def inputs(system: System) -> dict[str, np.ndarray]:
    """The structure as arrays."""
    found = {"coordinates": system.coordinates, "types": np.asarray(system.types, "int64")}
    return found if system.cell is None else found | {"cell": np.asarray(system.cell, float)}


def single(array: np.ndarray) -> np.ndarray:
    """Numbers of a float32 model; its energies are float64, and stay so."""
    return array


def decode(data: bytes) -> Vector:
    """The inverse of `encode`; `FormatError` for anything else."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors = load(data)
        notes = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
        if (notes["format"], notes["version"]) != (FORMAT, VERSION):
            raise FormatError(f"is no golden vector of version {VERSION}")
        parts = {part: below(tensors, f"{part}/") for part in ("model", "input", "trace", "trace32")}
        order, config = json.loads(notes["order"]), config_from_plain(json.loads(notes["config"]))
    except (SafetensorError, KeyError, ValueError) as error:
        raise FormatError(f"is no golden vector ({error})") from error
    system = System(parts["input"]["coordinates"], parts["input"]["types"], parts["input"].get("cell"))
    traces = ({name: parts[part][name] for name in order if name in parts[part]} for part in ("trace", "trace32"))
    return Vector(notes["name"], config, parts["model"], system, *traces)


def below(tensors: dict, prefix: str) -> dict:
    return {name.removeprefix(prefix): array for name, array in tensors.items() if name.startswith(prefix)}


def read(path: Path) -> Vector:
    """A vector from a file."""
    try:
        return decode(path.read_bytes())
    except FormatError as error:
        raise FormatError(f"{path}: {error}", file=str(path)) from error


def write(folder: Path, shipped_ones: bool = True) -> str:
    """The vectors as files, with their digest in `DIGEST`; those that come with the package, or made now."""
    from ..serialization.atomic import replacing

    folder.mkdir(parents=True, exist_ok=True)
    vectors = shipped() if shipped_ones else tuple(made())
    files = {f"{vector.name}.safetensors": encode(vector) for vector in vectors}
    for name, data in files.items():
        with replacing(folder / name) as new:
            new.write_bytes(data)
    with replacing(folder / "DIGEST") as new:
        new.write_text(digest(files) + "\n")
    return digest(files)


def digest(files: dict[str, bytes]) -> str:
    """By which a set of vectors can be cited: SHA-256 of the names and contents of all files."""
    found = hashlib.sha256()
    for name, data in sorted(files.items()):
        found.update(name.encode() + b"\0" + hashlib.sha256(data).digest())
    return f"sha256:{found.hexdigest()}"


@cache
def shipped() -> tuple[Vector, ...]:
    """The vectors that come with the package."""
    return tuple(read(path) for path in sorted(GOLDEN.glob("*.safetensors")))
