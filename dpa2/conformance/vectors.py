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
from ..errors import FormatError, InputError, WriteFailed, require_regular
from ..model.model import Model
from ..model.preparation import check_system, list_neighbors
from ..serialization.budget import Budget, spending
from ..serialization.checkpoint import Checkpoint
from ..serialization.files import read_bytes
from ..serialization.formats.safetensors import pack, spend_header, text_of_header
from ..serialization.settings.plain import canonical_json, strict_json
from ..structures.system import System, checked_pbc
from ..tracing.intermediates import position
from ..tracing.masks import occupied_slots
from ..tracing.trace import traced

GOLDEN = Path(__file__).with_name("golden")
HEADS = GOLDEN / "heads"  # the folder of the vectors of models that predict something else than energies
FORMAT, VERSION = "dpa2-vector", "1"
INPUTS = {  # names of inputs in files, and the fields of a structure that hold them
    "coordinates": "coordinates",
    "types": "types",
    "cell": "cell",
    "fparam": "frame_parameters",
    "aparam": "atom_parameters",
}


@dataclass(frozen=True, eq=False)
class Vector:
    """The contents of a file; `trace` is in the order of computation, `trace32` is that of the model in float32."""

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
        """Return the model in a precision."""
        return self.model if dtype == "float64" else self.model.to("numpy", dtype=dtype)

    def reference(self, dtype: str) -> dict[str, np.ndarray]:
        """Return the intermediates in a precision."""
        return self.trace32 if dtype == "float32" else self.trace

    @cached_property
    def occupied(self) -> dict[str, np.ndarray]:
        """Arrays (atom, slot) by list, which are True for slots that hold a neighbour."""
        return occupied_slots(self.trace, self.system.types, self.config.excluded_pairs)


def evaluated(model: Model, system: System) -> dict[str, np.ndarray]:
    """Return every intermediate in the order of computation; neighbour lists that are too long are truncated."""
    system = check_system(model.config, system)
    found = traced(model, system, list_neighbors(model.config, system, "truncate"))
    return {name: found[name] for name in sorted(found, key=position)}


def made(of_heads: bool = False) -> Iterator[Vector]:
    """Yield all vectors of energies, or those of other heads, computed anew."""
    from .models import heads, subjects

    for subject in heads() if of_heads else subjects():
        yield vector_of(subject.name, subject.model, subject.system)


def vector_of(name: str, model: Model, system: System) -> Vector:
    """Return the vector of a structure and a model on NumPy in float64."""
    periodic = checked_pbc(system.pbc, system.cell, name)
    if any(periodic) and not all(periodic):
        rule = "structures of golden vectors are periodic along all axes or none; add a vacuum, with pbc = True"
        raise InputError(f"{name}: pbc = {list(periodic)}; {rule}", argument="structure")
    traces = evaluated(model, system), evaluated(model.to("numpy", dtype="float32"), system)
    return Vector(name, model.config, model.checkpoint().weights, system, *traces)


def encode(vector: Vector, dtype: str = "float64", order: Iterable[str] = ()) -> bytes:
    """Return the bytes of a file; the same vector always gives the same bytes.

    dtype: the precision that the model is to be computed in. order: names of intermediates, if not those of the vector.
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
    """Return those fields of a structure that are not None, as arrays by their names in files."""
    given = {name: getattr(system, field) for name, field in INPUTS.items()}
    kinds = {"types": "int64"}
    return {n: np.asarray(x, kinds.get(n, "float64")) for n, x in given.items() if x is not None}


def question(vector: Vector, dtype: str) -> bytes:
    """Return the file that a program reads: the model, the precision, the structure, and the neighbour lists."""
    lists = {name: array for name, array in vector.trace.items() if name.startswith("nlist/")}
    return encode(replace(vector, trace=lists, trace32={}), dtype, vector.trace)


def decode(data: bytes) -> Vector:
    """Return the vector that `encode` wrote; raises `FormatError` for other bytes."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        with spending(Budget.of_file(len(data))):
            spend_header(data)
            tensors, notes = load(data), strict_json(text_of_header(data))["__metadata__"]
        if (notes["format"], notes["version"]) != (FORMAT, VERSION):
            raise FormatError(f"its format is not {FORMAT} of version {VERSION}")
        name = notes["name"]
        parts = {part: below(tensors, f"{part}/") for part in ("model", "input", "trace", "trace32")}
        order, config = words(strict_json(notes["order"])), DPA2Config.from_dict(strict_json(notes["config"]))
    except (SafetensorError, KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise FormatError(f"not a golden vector ({error})") from error
    system = System(**{field: parts["input"].get(name) for name, field in INPUTS.items()}, name=name)
    lists = {name: array for name, array in parts["trace"].items() if name.startswith("nlist/")}
    traces = (parts["trace"], lists | parts["trace32"])
    ordered = ({name: found[name] for name in order if name in found} for found in traces)
    return Vector(name, config, parts["model"], system, *ordered)


def words(order) -> list[str]:
    """Return the names of the intermediates, if that is what a file has."""
    if not isinstance(order, list) or not all(isinstance(name, str) for name in order):
        raise FormatError("its order is not a list of names", key="order")
    return order


def below(tensors: dict, prefix: str) -> dict:
    """Return the tensors whose names begin with a prefix, by their names without it."""
    return {name.removeprefix(prefix): array for name, array in tensors.items() if name.startswith(prefix)}


def read(path: Path) -> Vector:
    """Return the vector in a file."""
    require_regular(path)
    try:
        return decode(read_bytes(path))
    except FormatError as error:
        raise FormatError(f"{path}: {error}", file=str(path)) from error


def read_folder(folder: Path) -> list[Vector]:
    """Return the vectors in a folder; raises `FormatError` if they are not those that its `DIGEST` was made of."""
    files = {path.name: path for path in sorted(folder.glob("*.safetensors"))}
    vectors = [read(path) for path in files.values()]
    note = folder / "DIGEST"
    if note.is_file() and files:
        found = digest({name: path.read_bytes() for name, path in files.items()})
        if note.read_text(encoding="utf-8", errors="replace").strip() != found:
            rule = "a file was added, changed or removed; write them again, or delete DIGEST to use them as they are"
            raise FormatError(
                f"{note}: does not fit the vectors beside it, whose digest is {found}: {rule}", file=str(note)
            )
    return vectors


def write(folder: Path, files: dict[str, bytes]) -> str:
    """Write files, and in `DIGEST` their digest, by which they can be cited; return the digest.

    Raises `InputError` for a folder with other vectors, which would be taken for some of these.
    """
    from ..serialization.atomic import replacing

    others = sorted(path.name for path in folder.glob("*.safetensors") if path.name not in files)
    if others:
        rule = "which would be mixed with these; give another folder"
        raise InputError(f"{folder}: has other vectors, such as {others[0]}, {rule}", argument="folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteFailed(f"{folder}: {error.strerror or error}", file=str(folder), reason=str(error)) from error
    found = digest(files)
    for name, data in (files | {"DIGEST": f"{found}\n".encode()}).items():
        with replacing(folder / name) as new:
            new.write_bytes(data)
    return found


def shipped_files(of_heads: bool = False) -> dict[str, bytes]:
    """Return names and contents of the files that come with the package: of energies, or of other heads."""
    return {path.name: path.read_bytes() for path in sorted((HEADS if of_heads else GOLDEN).glob("*.safetensors"))}


def digest(files: dict[str, bytes]) -> str:
    """Return the digest by which a set of vectors is cited: SHA-256 of the names and contents of all files."""
    found = hashlib.sha256()
    for name, data in sorted(files.items()):
        found.update(name.encode() + b"\0" + hashlib.sha256(data).digest())
    return f"sha256:{found.hexdigest()}"


@cache
def shipped(of_heads: bool = False) -> tuple[Vector, ...]:
    """Return the vectors that come with the package: of energies, or of other heads."""
    return tuple(decode(data) for data in shipped_files(of_heads).values())
