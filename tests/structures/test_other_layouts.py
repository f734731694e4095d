"""Data sets in text files, in HDF5 files, and in databases that are not read."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from test_datasets import write_system

from dpa2.data import read_dataset
from dpa2.errors import FormatError, UnsupportedModel
from dpa2.structures.files import read_structures


def as_raw(place, target):
    """The same system as text files."""
    target.mkdir()
    for file in (place / "set.000").glob("*.npy"):
        np.savetxt(target / f"{file.stem}.raw", np.load(file).reshape(3, -1), fmt="%.17g")
    for name in ("type.raw", "type_map.raw"):
        (target / name).write_text((place / name).read_text())
    return target


def as_hdf5(place, file, group):
    """The same system as a group of an HDF5 file."""
    with h5py.File(file, "a") as root:
        inside = root.require_group(group)
        inside["type.raw"] = np.array((place / "type.raw").read_text().split(), dtype=int)
        inside["type_map.raw"] = np.array((place / "type_map.raw").read_text().split(), dtype="S")
        for array in place.glob("set.*/*.npy"):
            inside[f"{array.parent.name}/{array.name}"] = np.load(array)
    return file


def require_same(found, expected):
    assert (len(found), found.type_map) == (len(expected), expected.type_map)
    for one, other in zip(found, expected, strict=True):
        assert np.array_equal(one.system.coordinates, other.system.coordinates)
        assert np.array_equal(one.system.cell, other.system.cell)
        assert np.array_equal(one.system.types, other.system.types)
        assert (one.energy, one.forces.tolist()) == (other.energy, other.forces.tolist())


def test_text_files_are_a_data_set(tmp_path):
    place = write_system(tmp_path / "ice")
    require_same(read_dataset(as_raw(place, tmp_path / "raw")), read_dataset(place))


def test_a_text_file_that_does_not_fit_is_named(tmp_path):
    raw = as_raw(write_system(tmp_path / "ice"), tmp_path / "raw")
    (raw / "energy.raw").write_text("1.0\n2.0\n")
    with pytest.raises(FormatError, match=r"energy.raw: has shape \(2, 1\)"):
        read_dataset(raw)
    (raw / "energy.raw").write_text("1.0\nx\n3\n")
    with pytest.raises(FormatError, match=r"energy.raw: cannot be read as rows of numbers"):
        read_dataset(raw)


def test_groups_of_an_hdf5_file_are_data_sets(tmp_path):
    places = [write_system(tmp_path / "x" / name, sets=2, frames=k) for k, name in ((2, "a"), (3, "b"))]
    for place in places:
        file = as_hdf5(place, tmp_path / "all.hdf5", place.name)
    require_same(read_dataset(file), read_dataset(tmp_path / "x"))
    for address in (f"{file}#b", f"{file}#/b", f"{file}#/b/"):
        require_same(read_dataset(address), read_dataset(places[1]))
    assert len(read_structures([f"{file}#/b"], ("O", "H"))) == 6
    assert len(read_dataset(file).systems) == 2
    with pytest.raises(FormatError, match=r"#/c"):
        read_dataset(f"{file}#/c")


def test_links_in_an_hdf5_file_are_not_followed(tmp_path):
    file = as_hdf5(write_system(tmp_path / "ice"), tmp_path / "all.hdf5", "a")
    with h5py.File(file, "a") as root:
        del root["a/set.000/energy.npy"]
        root["a/set.000/energy.npy"] = h5py.ExternalLink("other.hdf5", "/energy")
    with pytest.raises(FormatError, match="link"):
        read_dataset(file)


@pytest.mark.parametrize("name", ["data.lmdb", "x"])
def test_an_lmdb_data_set_is_named_with_the_way_round(name, tmp_path):
    (tmp_path / name).mkdir()
    (tmp_path / name / "data.mdb").touch()
    for path in (tmp_path / name, tmp_path):
        with pytest.raises(UnsupportedModel, match=r"LMDB.*dpdata") as caught:
            read_dataset(path)
        assert "deepmd/npy" in caught.value.hint
