"""Statistics that are kept: found again by the next training of the same settings, and by no other."""

from __future__ import annotations

import dataclasses

import h5py
import numpy as np
import pytest
from training_data import CONFIG, FOLDERS, write_folder

import dpa2
from dpa2.errors import FormatError, WriteFailed
from dpa2.training.statistics import DataStatistics, statistics_of
from dpa2.training.statistics_file import kept_statistics

MODEL = dpa2.build(CONFIG, seed=1)


class Counted:
    """Computes statistics of a folder, and counts how often."""

    def __init__(self, model=MODEL, folder=FOLDERS["sysA"]):
        self.model, self.folder, self.calls = model, folder, 0

    def __call__(self) -> DataStatistics:
        self.calls += 1
        return statistics_of(self.model, list(dpa2.read_dataset(self.folder)))


def same(one: DataStatistics, other: DataStatistics) -> bool:
    a, b = one.to_arrays(), other.to_arrays()
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("name", ["stat.hdf5", "stat.h5", "stat"])
def test_statistics_are_computed_once_and_read_to_the_last_bit(tmp_path, name):
    compute = Counted()
    first = kept_statistics(tmp_path / name, "update", MODEL, 0.01, compute)
    again = kept_statistics(tmp_path / name, "read", MODEL, 0.01, compute)
    assert compute.calls == 1
    assert same(first, again)
    assert (tmp_path / name).is_dir() == ("." not in name)


def test_parameters_are_kept_too(tmp_path):
    config = dataclasses.replace(CONFIG, fitting=dataclasses.replace(CONFIG.fitting, frame_parameters=2))
    model = dpa2.build(config, seed=1)
    folder = write_folder(tmp_path / "a", fparam=np.arange(8.0).reshape(4, 2))
    compute = Counted(model, folder)
    first = kept_statistics(tmp_path / "s.h5", "update", model, 0.01, compute)
    assert set(first.parameters) == {"fitting.frame_mean", "fitting.frame_scale"}
    assert same(kept_statistics(tmp_path / "s.h5", "read", model, 0.01, compute), first)


OTHER = {
    "cutoffs": {"repinit": dataclasses.replace(CONFIG.repinit, inner_cutoff=0.25)},
    "excluded pairs": {"model_excluded_pairs": ((0, 1),)},
    "types": {"types": ("H", "O")},
    "names of types": {"types": ("O", "../H" + "x" * 300)},
    "presets": {"preset_bias": (None, -1.0)},
}


@pytest.mark.parametrize("what", OTHER)
def test_a_model_with_other(what, tmp_path):
    """... has statistics of its own in the same file, beside those that are there."""
    other = dpa2.build(dataclasses.replace(CONFIG, **OTHER[what]), seed=1)
    compute, compute_other = Counted(), Counted(other if "names" not in what else MODEL)
    kept_statistics(tmp_path / "s.h5", "update", MODEL, 0.01, compute)
    with pytest.raises(FormatError, match="no statistics for a model of these settings"):
        kept_statistics(tmp_path / "s.h5", "read", other, 0.01, compute_other)
    kept_statistics(tmp_path / "s.h5", "update", other, 0.01, compute_other)
    kept_statistics(tmp_path / "s.h5", "read", MODEL, 0.01, compute)
    assert (compute.calls, compute_other.calls) == (1, 1)


def test_settings_that_change_no_statistic_find_the_same(tmp_path):
    wider = dpa2.build(dataclasses.replace(CONFIG, repformer=dataclasses.replace(CONFIG.repformer, layers=2)), seed=3)
    kept_statistics(tmp_path / "s.h5", "update", MODEL, 0.01, Counted())
    kept_statistics(tmp_path / "s.h5", "read", wider, 0.01, Counted())
    with pytest.raises(FormatError):
        kept_statistics(tmp_path / "s.h5", "read", MODEL, 0.02, Counted())


def test_what_another_program_wrote_stays(tmp_path):
    with h5py.File(tmp_path / "s.hdf5", "w") as file:
        file["O H/bias_atom_energy"] = np.arange(2.0)
    kept_statistics(tmp_path / "s.hdf5", "update", MODEL, 0.01, Counted())
    with h5py.File(tmp_path / "s.hdf5") as file:
        assert file["O H/bias_atom_energy"][()].tolist() == [0.0, 1.0]
    assert [path.name for path in tmp_path.iterdir()] == ["s.hdf5"]


def test_without_a_file_nothing_is_kept(tmp_path):
    compute = Counted()
    kept_statistics(None, "update", MODEL, 0.01, compute)
    assert compute.calls == 1


def test_damaged_files_are_named(tmp_path):
    file = tmp_path / "s.h5"
    kept_statistics(file, "update", MODEL, 0.01, Counted())
    whole = file.read_bytes()
    for content in (b"", b"x" * 500, whole[: len(whole) // 2]):
        file.write_bytes(content)
        with pytest.raises(FormatError, match="cannot be read") as caught:
            kept_statistics(file, "update", MODEL, 0.01, Counted())
        assert caught.value.file == str(file)
    file.write_bytes(whole)
    with h5py.File(file, "a") as content:
        names: list[str] = []
        content.visit(names.append)
        place = next(name for name in names if name.endswith("bias"))
        del content[place]
    with pytest.raises(FormatError, match=r"damaged.*bias"):
        kept_statistics(file, "update", MODEL, 0.01, Counted())


def test_a_place_that_cannot_be_written_to_is_named(tmp_path):
    with pytest.raises(WriteFailed, match="nowhere"):
        kept_statistics(tmp_path / "nowhere" / "s.h5", "update", MODEL, 0.01, Counted())
