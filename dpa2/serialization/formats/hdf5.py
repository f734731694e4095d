"""A native tree as HDF5 (`.dp`): one JSON attribute, and one dataset for each array.

Source: section 3.1 of the description of formats.
"""

from __future__ import annotations

import io
import json
import math
import zlib
from functools import cache

import numpy

from ...errors import DPA2Error, FormatError, UnsupportedModel, shorten
from ..bfloat16 import BFLOAT16
from ..budget import spend
from ..contents import MOST_EXPANSION
from ..settings.plain import parse_json
from ..tree.variables import map_variables
from .container import native_tree

CHUNK = 100  # steps for a chunk: unpacking it takes as long as so many values of a text


def write_hdf5(tree: dict) -> bytes:
    """The bytes of a `.dp` file."""
    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        names = (f"variable_{k:04d}" for k in range(10**9))

        def store(array: numpy.ndarray) -> str:
            return file.create_dataset(next(names), data=array).name

        file.attrs["json"] = json.dumps(map_variables(store, tree))
    return buffer.getvalue()


def read_hdf5(data: bytes) -> dict:
    """The tree in the bytes of a `.dp` or `.hlo` file: the model and the notes on it, without compiled programs."""
    import h5py

    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            root = read_json(file)
            variables = root.get("@variables")
            if isinstance(variables, dict):  # a .hlo has compiled programs beside it
                root = root | {"@variables": {k: v for k, v in variables.items() if k == "min_nbor_dist"}}
            return map_variables(cache(Datasets(file, MOST_EXPANSION * len(data))), root)
    except DPA2Error:
        raise
    except (
        OSError,
        RuntimeError,
        KeyError,
        ValueError,
        TypeError,
        OverflowError,
    ) as error:  # what h5py raises on damaged files
        raise FormatError(f"damaged or truncated HDF5 file ({error})") from error


def read_json(file) -> dict:
    """The tree with names of datasets in place of arrays."""
    text = file.attrs.get("json")
    if not isinstance(text, (str, bytes)):
        what = "an HDF5 file of something else than a model: it has no attribute `json`"
        raise UnsupportedModel(f"is {what}", what=what)
    root = parse_json(text, "attribute `json`", "json")
    if not isinstance(root, dict):
        raise FormatError("attribute `json` is not a JSON object", key="json")
    return root


class Datasets:
    """The arrays of a file by name; only plain numbers inside the file itself are read."""

    def __init__(self, file, budget: int):
        self.file, self.budget = file, budget

    def __call__(self, name) -> numpy.ndarray:
        dataset = self.find(name)
        self.budget -= dataset.nbytes
        if self.budget < 0:
            raise FormatError(f"dataset {name} claims more data than a file of this size can hold", key=name)
        spend(dataset.nbytes, steps=50)
        if dataset.chunks is not None:
            require_chunks_fit(dataset, name, self.budget + dataset.nbytes)
        return dataset[()] if dataset.shape else numpy.asarray(dataset[()])

    def find(self, name):
        import h5py

        if not isinstance(name, str) or "/" in name[1:]:
            raise FormatError(f"the tree has {shorten(name)} where it must have the name of a dataset", key=str(name))
        local = isinstance(self.file.get(name, getlink=True), h5py.HardLink)
        dataset = self.file[name] if local else None
        if not isinstance(dataset, h5py.Dataset):
            raise FormatError(f"dataset {name} is missing from the file", key=name)
        if dataset.external or dataset.is_virtual:
            raise FormatError(f"dataset {name} is stored outside of the file, where nothing is read", key=name)
        if dataset.shape is None or not (dataset.dtype.kind == "f" or dataset.dtype == BFLOAT16):
            raise FormatError(f"dataset {name} holds {dataset.dtype}, not floating-point numbers", key=name)
        return dataset


def require_chunks_fit(dataset, name: str, budget: int):
    """Refuse chunks that hold more numbers than the dataset; compressed ones are unpacked to find out."""
    from h5py import h5z

    spend(steps=CHUNK * math.prod(-(-n // step) for n, step in zip(dataset.shape, dataset.chunks, strict=True)))
    settings, size = dataset.id.get_create_plist(), dataset.dtype.itemsize * math.prod(dataset.chunks)
    filters = [settings.get_filter(k)[0] for k in range(settings.get_nfilters())]
    known = {h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32}
    if size > budget or not set(filters) <= known or len(filters) > len(set(filters)):
        raise FormatError(
            f"dataset {name} has chunks that are too large for the file, or packed in an unusual way", key=name
        )
    for place in places_of_chunks(dataset) if h5z.FILTER_DEFLATE in filters else ():
        _, packed = dataset.id.read_direct_chunk(place)
        if len(unpack(packed, name, size + 5)) > size + 4:  # four bytes of checksum
            raise FormatError(f"dataset {name} has a chunk that unpacks to more than its size", key=name)


def places_of_chunks(dataset) -> list[tuple]:
    """The positions of all chunks that are stored, found in one pass: the library looks for each from the first on."""
    found: list[tuple] = []
    dataset.id.chunk_iter(lambda info: found.append(info.chunk_offset))
    return found


def unpack(packed: bytes, name: str, limit: int) -> bytes:
    """At most `limit` bytes of the unpacked content."""
    try:
        return zlib.decompressobj().decompress(packed, limit)
    except zlib.error as error:
        raise FormatError(f"dataset {name} has a damaged chunk ({error})", key=name) from error


def is_hdf5(data: bytes) -> bool:
    """Return whether a file begins with the signature of HDF5."""
    return data.startswith(b"\x89HDF\r\n\x1a\n")


CONTAINERS = (
    native_tree(
        "HDF5",
        read_hdf5,
        write_hdf5,
        suffixes=(".dp", ".hlo"),
        recognize=is_hdf5,
        written=(".dp",),
        made_by={".hlo": "dp convert-backend model.dp model.hlo"},
    ),
)
