"""Files that reach outside of themselves, or beyond their size, are refused."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from checkpoints import base, base_tree

from dpa2.errors import FormatError, UnsupportedModel
from dpa2.serialization import read
from dpa2.serialization.formats.hdf5 import write_hdf5

HOSTILE_YAML = {
    "runs code": "model: !!python/object/apply:os.system ['true']",
    "is nested deeply": "[" * 100_000,
    "is nested deeply without brackets": "- " * 100_000,
    "contains itself": "a: &a [*a]",
    "grows through references": "\n".join(
        ["a0: &a0 [1, 1, 1, 1]", *(f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]" for k in range(1, 30))]
    ),
}


@pytest.mark.parametrize("what", HOSTILE_YAML)
def test_yaml_is_refused_that(what, tmp_path):
    path = tmp_path / "hostile.yaml"
    path.write_text(HOSTILE_YAML[what])
    with pytest.raises(FormatError, match="YAML"):
        read(path)


def test_deeply_nested_json_is_refused(tmp_path):
    path = tmp_path / "hostile.json"
    path.write_text('{"model":' * 100_000)
    with pytest.raises(FormatError):
        read(path)


def tamper(tmp_path: Path, replace_dataset) -> Path:
    """A `.dp` whose dataset of the output bias is another one."""
    path = tmp_path / "hostile.dp"
    path.write_bytes(write_hdf5(base_tree()))
    with h5py.File(path, "r+") as file:
        name = json.loads(file.attrs["json"])["model"]["@variables"]["out_bias"]
        del file[name]
        replace_dataset(file, name)
    return path


def external_storage(file, name):
    (Path(file.filename).parent / "secret").write_bytes(bytes(16))
    file.create_dataset(name, (1, 2, 1), "f8", external=[("secret", 0, 16)])


def external_link(file, name):
    with h5py.File(Path(file.filename).parent / "other.h5", "w") as other:
        other["x"] = np.zeros((1, 2, 1))
    file[name] = h5py.ExternalLink("other.h5", "/x")


def virtual(file, name):
    layout = h5py.VirtualLayout((1, 2, 1), "f8")
    layout[:] = h5py.VirtualSource("other.h5", "x", (1, 2, 1))
    file.create_virtual_dataset(name, layout)


def huge(file, name):
    file.create_dataset(name, (10**9,), "f8", chunks=(1000,))


def objects(file, name):
    file.create_dataset(name, data=np.array([["a"]], dtype=object), dtype=h5py.string_dtype())


def integers(file, name):
    file[name] = np.zeros((1, 2, 1), "i8")


def group(file, name):
    file.create_group(name)


def soft_link(file, name):
    file[name] = h5py.SoftLink("/variable_0001")


def empty(file, name):
    file[name] = h5py.Empty("f8")


def absent(file, name):
    pass


TAMPERINGS = (external_storage, external_link, virtual, huge, objects, integers, group, soft_link, empty, absent)


@pytest.mark.parametrize("replace_dataset", TAMPERINGS, ids=lambda f: f.__name__)
def test_hdf5_arrays_are_plain_numbers_inside_the_file(replace_dataset, tmp_path):
    with pytest.raises(FormatError, match="dataset"):
        read(tamper(tmp_path, replace_dataset))


def test_foreign_hdf5_files_are_refused_by_name(tmp_path):
    with h5py.File(tmp_path / "foreign.dp", "w") as file:
        file["x"] = 1.0
    with pytest.raises(UnsupportedModel, match="HDF5 file of something else"):
        read(tmp_path / "foreign.dp")


def test_big_endian_and_repacked_files_are_read(tmp_path):
    path = tmp_path / "repacked.dp"
    path.write_bytes(write_hdf5(base_tree()))
    with h5py.File(path, "r+") as file:
        for name in list(file):
            array = file[name][()]
            del file[name]
            options = {"compression": "gzip"} if array.ndim else {}
            file.create_dataset(name, data=array.astype(">f8"), **options)
    assert read(path).digest() == base().digest()
