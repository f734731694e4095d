"""A native tree as HDF5 (`.dp`): one JSON attribute, and one dataset for each array.

Source: section 3.1 of the description of formats.
"""

from __future__ import annotations

import io
import json
from functools import cache

import numpy

from ...errors import DPA2Error, FormatError, UnsupportedModel, shorten
from ...structures.chunks import count_of_chunks, require_chunks_fit
from ..bfloat16 import BFLOAT16
from ..budget import spend
from ..contents import MOST_EXPANSION
from ..settings.plain import parse_json
from ..tree.variables import map_variables
from .container import by_deepmd, native_tree

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
    text = file.attrs["json"] if is_one_text(file, "json") else None
    if not isinstance(text, (str, bytes)):
        what = "an HDF5 file of something else than a model: it has no attribute `json`"
        raise UnsupportedModel(f"is {what}", what=what)
    root = parse_json(text, "attribute `json`", "json")
    if not isinstance(root, dict):
        raise FormatError("attribute `json` is not a JSON object", key="json")
    return root


def is_one_text(file, name: str) -> bool:
    """Return whether an attribute is one text; many of them may all lie at one place, and are not read."""
    import h5py

    if name not in file.attrs:
        return False
    attribute = file.attrs.get_id(name)
    return attribute.shape == () and h5py.check_string_dtype(attribute.dtype) is not None


class Datasets:
    """The arrays of a file by name; only plain numbers inside the file itself are read."""

    def __init__(self, file, budget: int):
        self.file, self.budget = file, budget

    def __call__(self, name) -> numpy.ndarray:
        dataset = self.find(name)
        self.budget -= dataset.nbytes
        if self.budget < 0:
            raise FormatError(f"dataset {name} claims more data than a file of this size can hold", key=name)
        spend(dataset.nbytes, steps=50 + CHUNK * count_of_chunks(dataset))
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
        made_by={".hlo": by_deepmd(".hlo")},
    ),
)
