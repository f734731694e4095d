"""Golden vectors: a model, a structure, and every intermediate of its evaluation, in one file each.

A file is safetensors. Its header says what it is: `format`, `version`, `name`, `config` (as in the native format),
`dtype`, and `order`, the names of the intermediates in the order of computation. Tensors are `model/NAME`,
`input/NAME` and `trace/NAME` in float64, and `trace32/NAME` of the same model in float32 (neighbour lists are those
of `trace/`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path

import numpy as np

from ..config import DPA2Config
from ..errors import FormatError
from ..model.model import Model
from ..model.preparation import check_system, list_neighbors
from ..serialization.checkpoint import Checkpoint
from ..serialization.formats.safetensors import pack
from ..serialization.settings.plain import canonical_json
from ..structures.system import System
from ..tracing.intermediates import position
from ..tracing.masks import occupied_slots
from ..tracing.trace import traced

GOLDEN = Path(__file__).with_name("golden")
FORMAT, VERSION = "dpa2-vector", "1"
INPUTS = {  # names in files: fields of a structure
    "coordinates": "coordinates",
    "types": "types",
    "cell": "cell",
    "fparam": "frame_parameters",
    "aparam": "atom_parameters",
}


@dataclass(frozen=True, eq=False)
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

    def model_in(self, dtype: str) -> Model:
        """The same in a precision."""
        return self.model if dtype == "float64" else self.model.to("numpy", dtype=dtype)

    def reference(self, dtype: str) -> dict[str, np.ndarray]:
        """The intermediates in a precision."""
        return self.trace32 if dtype == "float32" else self.trace

    @cached_property
    def occupied(self) -> dict[str, np.ndarray]:
        """Which slots of each list hold a neighbour (atom, slot)."""
        return occupied_slots(self.trace, self.system.types, self.config.excluded_pairs)


def evaluated(model: Model, system: System) -> dict[str, np.ndarray]:
    """Every intermediate in the order of computation; lists that are too long are cut short."""
    system = check_system(model.config, system)
    found = traced(model, system, list_neighbors(model.config, system, "truncate"))
    return {name: found[name] for name in sorted(found, key=position)}


def made() -> Iterator[Vector]:
    """All vectors, computed now."""
    from .models import subjects

    for subject in subjects():
        yield vector_of(subject.name, subject.model, subject.system)


def vector_of(name: str, model: Model, system: System) -> Vector:
    """A model on NumPy in float64, evaluated on a structure."""
    traces = evaluated(model, system), evaluated(model.to("numpy", dtype="float32"), system)
    return Vector(name, model.config, model.checkpoint().weights, system, *traces)


def encode(vector: Vector, dtype: str = "float64", order: Iterable[str] = ()) -> bytes:
    """The bytes of a file: the same vector gives the same bytes.

    dtype: what the model is to be computed in. order: names of intermediates, if not those of the vector.
    """
    tensors = {f"model/{name}": array for name, array in vector.weights.items()}
    tensors |= {f"input/{name}": array for name, array in inputs(vector.system).items()}
    tensors |= {f"trace/{name}": array for name, array in vector.trace.items()}
    tensors |= {f"trace32/{name}": array for name, array in vector.trace32.items() if not name.startswith("nlist/")}
    notes = {
        "format": FORMAT,
        "version": VERSION,
        "name": vector.name,
        "dtype": dtype,
        "config": canonical_json(vector.config.to_dict()),
        "order": json.dumps(list(order or vector.trace)),
    }
    return pack(tensors, notes)


def inputs(system: System) -> dict[str, np.ndarray]:
    """The structure as arrays, without what it does not have."""
    given = {name: getattr(system, field) for name, field in INPUTS.items()}
    kinds = {"types": "int64"}
    return {n: np.asarray(x, kinds.get(n, "float64")) for n, x in given.items() if x is not None}


def question(vector: Vector, dtype: str) -> bytes:
    """What a program is given: the model, what to compute in, the structure, and the neighbour lists."""
    lists = {name: array for name, array in vector.trace.items() if name.startswith("nlist/")}
    return encode(replace(vector, trace=lists, trace32={}), dtype, vector.trace)


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
        order, config = json.loads(notes["order"]), DPA2Config.from_dict(json.loads(notes["config"]))
    except (SafetensorError, KeyError, ValueError) as error:
        raise FormatError(f"is no golden vector ({error})") from error
    system = System(**{field: parts["input"].get(name) for name, field in INPUTS.items()}, name=notes["name"])
    lists = {name: array for name, array in parts["trace"].items() if name.startswith("nlist/")}
    traces = (parts["trace"], lists | parts["trace32"])
    ordered = ({name: found[name] for name in order if name in found} for found in traces)
    return Vector(notes["name"], config, parts["model"], system, *ordered)


def below(tensors: dict, prefix: str) -> dict:
    """Those whose names begin so, without that."""
    return {name.removeprefix(prefix): array for name, array in tensors.items() if name.startswith(prefix)}


def read(path: Path) -> Vector:
    """A vector from a file."""
    try:
        return decode(path.read_bytes())
    except FormatError as error:
        raise FormatError(f"{path}: {error}", file=str(path)) from error


def write(folder: Path, files: dict[str, bytes]) -> str:
    """The files, and their digest in `DIGEST`, by which they can be cited."""
    from ..serialization.atomic import replacing

    folder.mkdir(parents=True, exist_ok=True)
    found = digest(files)
    for name, data in (files | {"DIGEST": f"{found}\n".encode()}).items():
        with replacing(folder / name) as new:
            new.write_bytes(data)
    return found


def shipped_files() -> dict[str, bytes]:
    """Names and contents of the files that come with the package."""
    return {path.name: path.read_bytes() for path in sorted(GOLDEN.glob("*.safetensors"))}


def digest(files: dict[str, bytes]) -> str:
    """By which a set of vectors can be cited: SHA-256 of the names and contents of all files."""
    found = hashlib.sha256()
    for name, data in sorted(files.items()):
        found.update(name.encode() + b"\0" + hashlib.sha256(data).digest())
    return f"sha256:{found.hexdigest()}"


@cache
def shipped() -> tuple[Vector, ...]:
    """The vectors that come with the package."""
    return tuple(decode(data) for data in shipped_files().values())
