"""The project's own format: a safetensors file with the configuration and a digest in its header.

`docs/native-format.md` describes it completely.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy

from ...config import DPA2Config
from ...dtypes import IN_NUMPY
from ...errors import FormatError, InputError, UnsupportedModel, shorten
from ..budget import spend
from ..checkpoint import Checkpoint, little_endian
from ..inventory import require_all
from ..settings.plain import canonical_json, parse_json, strict_json
from .container import single_model

VERSION = 1  # newest version of the format that is read, and the one that is written
MOST_HEADER = 100_000_000  # bytes; the library reads no longer header
TENSOR, ENTRY = 1000, 250  # bytes that the library takes for a tensor, and for a number or note in the header
OF_TRAINING = b'{"__metadata__":{"format":"dpa2-training'  # the header of the state of a training begins so
NUMPY_NAMES = {dtype.safetensors: dtype.name for dtype in IN_NUMPY}  # bfloat16 numbers are stored as float32


def write_safetensors(checkpoint: Checkpoint) -> bytes:
    """The bytes of a file, which are the same for the same checkpoint."""
    return pack(require_all(checkpoint.weights, checkpoint.config), header_metadata(checkpoint))


def pack(tensors: Mapping[str, numpy.ndarray], notes: dict[str, str]) -> bytes:
    """The bytes of a safetensors file, in a fixed order of tensors: that of the library changes from run to run."""
    header: dict[str, dict] = {"__metadata__": notes}
    names, parts, offset = {dtype.name: dtype.safetensors for dtype in IN_NUMPY} | {"int64": "I64"}, [], 0
    for name, array in sorted(tensors.items(), key=lambda item: (-item[1].itemsize, item[0])):
        ends = [offset, offset := offset + array.nbytes]
        header[name] = {"dtype": names[array.dtype.name], "shape": list(array.shape), "data_offsets": ends}
        parts.append(little_endian(array))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # numbers begin at a multiple of 8 bytes
    return b"".join([len(text).to_bytes(8, "little"), text, *parts])


def header_metadata(checkpoint: Checkpoint) -> dict[str, str]:
    """The notes in the header, strings only as safetensors requires."""
    try:
        notes = canonical_json(checkpoint.metadata)
    except (TypeError, ValueError) as error:
        raise InputError(f"metadata: must be plain JSON ({error})", argument="metadata") from error
    return {
        "config": canonical_json(checkpoint.config.to_dict()),
        "digest": checkpoint.digest(),
        "format": "dpa2",
        "metadata": notes,
        "version": str(VERSION),
    }


def read_safetensors(data: bytes) -> Checkpoint:
    """The checkpoint in the bytes of a file, every part of which is checked."""
    tensors = read_tensors(data)
    notes = read_header(data)
    config = DPA2Config.from_dict(read_plain(notes, "config"))
    weights = require_all({name: to_array(name, tensor) for name, tensor in tensors}, config)
    checkpoint = Checkpoint(config, weights, read_plain(notes, "metadata"))
    if checkpoint.digest() != notes.get("digest"):
        facts = {"key": "digest", "wanted": notes.get("digest"), "found": checkpoint.digest()}
        raise FormatError("its numbers or settings are not those that were written: the digest differs", **facts)
    return checkpoint


def read_tensors(data: bytes) -> list[tuple[str, dict]]:
    """Names and descriptions of the tensors, after the checks of the safetensors library."""
    from safetensors import SafetensorError, deserialize

    spend_header(data)
    try:
        return deserialize(data)
    except SafetensorError as error:
        raise FormatError(f"damaged or truncated safetensors file ({error})") from error


def spend_header(data: bytes) -> None:
    """Spend what the library takes for the tensors and entries in the header, and for a copy of all numbers."""
    header = text_of_header(data)
    tensors, entries = header.count(b"{"), header.count(b",")
    spend(len(data) + TENSOR * tensors + ENTRY * entries, tensors + entries)


def text_of_header(data: bytes) -> bytes:
    """The JSON text in the header, as long as it says and the file goes."""
    return data[8 : 8 + int.from_bytes(data[:8], "little")]


def read_header(data: bytes) -> dict[str, str]:
    """The notes in the header of a native file in a known version."""
    notes = strict_json(text_of_header(data)).get("__metadata__") or {}
    if notes.get("format") != "dpa2":
        what = "a safetensors file of something else than a model: its header does not say format = dpa2"
        raise UnsupportedModel(f"is {what}", what=what)
    version = notes.get("version", "")
    if version.isdecimal() and int(version) > VERSION:
        what = f"format version {version}"
        raise UnsupportedModel(
            f"{what} is newer than the newest known one, {VERSION}; a newer dpa2 may read it", what=what
        )
    if version != str(VERSION):
        raise FormatError(f"format version {shorten(version)} is not a version number", key="version")
    return notes


def read_plain(notes: dict[str, str], key: str) -> dict:
    """One of the notes that are JSON."""
    if key not in notes:
        raise FormatError(f"header entry {key} is missing", key=key)
    plain = parse_json(notes[key], f"header entry {key}", key)
    if not isinstance(plain, dict):
        raise FormatError(f"header entry {key} is not a JSON object", key=key)
    return plain


def to_array(name: str, tensor: dict, names: Mapping[str, str] = NUMPY_NAMES) -> numpy.ndarray:
    """Return the numbers of a tensor; names: the dtypes that it may have, and NumPy's words for them."""
    if tensor["dtype"] not in names:
        raise FormatError(f"tensor {name} has dtype {tensor['dtype']}; known are {', '.join(names)}", tensor=name)
    dtype = numpy.dtype(names[tensor["dtype"]]).newbyteorder("<")
    return numpy.frombuffer(tensor["data"], dtype).reshape(tensor["shape"])


def is_safetensors(data: bytes) -> bool:
    """Return whether a file begins with eight bytes of length and a JSON object, and is not of a training."""
    short = int.from_bytes(data[:8], "little") < MOST_HEADER
    return data[8:9] == b"{" and short and not data.startswith(OF_TRAINING, 8)


CONTAINERS = (
    single_model(
        "safetensors",
        read_safetensors,
        write_safetensors,
        suffixes=(".safetensors",),
        recognize=is_safetensors,
        written=(".safetensors",),
    ),
)
