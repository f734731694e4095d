"""Batches, against those of the reference's own loader, and what is done about labels that are missing or wrong."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
from training_data import FOLDERS, TRAINING, TYPES, write_folder

import dpa2
from dpa2.data import Frame
from dpa2.errors import FormatError, InputError
from dpa2.training.data.batch import batch_of
from dpa2.training.data.labels import LABELS
from dpa2.training.data.systems import read_systems

RUNS = {"allterms_adamw": ("sysA", "sysB"), "mixed_padded": ("mixC",)}


@pytest.mark.parametrize("run", RUNS)
def test_batches_are_those_of_the_references_loader(run):
    """Atoms in its order, labels with them, flags of files that are not there: of five steps, to the last bit."""
    systems = read_systems([FOLDERS[name] for name in RUNS[run]], TYPES)
    expected = np.load(TRAINING / run / "frames.npz")
    steps = json.loads((TRAINING / run / "steps.json").read_text())
    assert len(steps) == 5
    for step in steps:
        system = systems[step["system"]]
        batch = batch_of([system.frame(k) for k in step["frames"]], LABELS)
        there = {n.partition("/")[2]: expected[n] for n in expected.files if n.startswith(f"step{step['step']}/")}
        assert np.array_equal([s.types for s in batch.systems], there["atype"])
        assert np.array_equal([s.coordinates for s in batch.systems], there["coord"])
        assert np.array_equal(batch.mask, there["atype"] >= 0)
        compared = 0
        for name, label in LABELS.items():
            if f"find_{label.file}" in there:
                assert batch.found[name] == there[f"find_{label.file}"]
                if batch.found[name]:
                    assert np.array_equal(batch.labels[name].ravel(), there[f"{label.file}_label"].ravel())
                    compared += 1
        assert compared >= 2


def test_atoms_of_standard_systems_are_sorted_and_all_that_belongs_to_them(tmp_path):
    arrays = {
        "atom_ener": np.arange(20.0).reshape(4, 5),
        "atom_pref": 1 + np.arange(20.0).reshape(4, 5),
        "atom_ener_coeff": 2 + np.arange(20.0).reshape(4, 5),
        "drdq": np.arange(4 * 15 * 2.0).reshape(4, -1),
        "aparam": np.arange(4 * 5 * 3.0).reshape(4, -1),
        "virial": np.arange(36.0).reshape(4, 9),
    }
    (system,) = read_systems([write_folder(tmp_path / "a", [1, 0, 1, 0, 1], **arrays)], TYPES)
    plain, frame = system.data[2], system.frame(2)
    order = [1, 3, 0, 2, 4]  # stable
    assert frame.system.types.tolist() == [0, 0, 1, 1, 1]
    assert np.array_equal(frame.system.coordinates, plain.system.coordinates[order])
    assert np.array_equal(frame.system.atom_parameters, plain.system.atom_parameters[order])
    for name in ("forces", "atom_energy", "atom_pref", "energy_coefficients", "generalized"):
        assert np.array_equal(getattr(frame, name), getattr(plain, name)[order]), name
    assert np.array_equal(frame.virial, plain.virial)
    assert frame.energy == plain.energy


def test_types_are_sorted_as_the_model_counts_them(tmp_path):
    (system,) = read_systems([write_folder(tmp_path / "a", [1, 0, 1])], ("H", "O"))
    assert system.frame(0).system.types.tolist() == [0, 0, 1]
    assert np.array_equal(system.frame(0).system.coordinates, system.data[0].system.coordinates[[0, 2, 1]])


def test_mixed_systems_keep_their_order_and_virtual_atoms_have_no_labels():
    (system,) = read_systems([FOLDERS["mixC"]], TYPES, ["forces", "atom_energy"])
    assert system.mixed
    batch = batch_of([system.frame(k) for k in range(9)], ["forces", "atom_energy", "force_weights"])
    types = np.array([s.types for s in batch.systems])
    assert np.array_equal(types[0], system.data[0].system.types)
    assert (types == -1).any()
    assert not batch.labels["forces"][types < 0].any()
    assert not batch.labels["atom_energy"][types < 0].any()
    assert (batch.labels["force_weights"] == 1.0).all()
    assert batch.atoms == (types >= 0).sum()


def frame(atoms: int, name: str, **labels) -> Frame:
    known = {"energy": None, "forces": None, "virial": None, "atom_energy": None, "atom_pref": None} | labels
    return Frame(dpa2.System(np.eye(3)[:1] * np.arange(1, atoms + 1)[:, None], [0] * atoms), **known, name=name)


def test_frames_of_other_sizes_are_padded_to_the_widest():
    frames = [frame(2, "two", forces=np.ones((2, 3)), energy=1.0), frame(3, "three", forces=np.ones((3, 3)), energy=2)]
    batch = batch_of(frames, ["energy", "forces", "virial", "force_weights"])
    assert batch.mask.tolist() == [[1, 1, 0], [1, 1, 1]]
    assert batch.labels["forces"].sum(axis=(1, 2)).tolist() == [6.0, 9.0]
    assert batch.labels["energy"].tolist() == [1.0, 2.0]
    assert batch.labels["virial"].shape == (2, 3, 3)
    assert batch.found == {"energy": 1.0, "forces": 1.0, "virial": 0.0, "force_weights": 0.0}
    assert sorted(batch.known) == ["energy", "forces"]
    assert (len(batch), batch.atoms, batch.names) == (2, 5, ("two", "three"))


def test_the_first_frame_decides_which_labels_are_found():
    frames = [frame(2, "poor"), frame(2, "rich", energy=1.0)]
    assert batch_of(frames, ["energy"]).found == {"energy": 0.0}
    with pytest.raises(InputError, match="poor: has no energy, and rich"):
        batch_of(frames[::-1], ["energy"])


def test_nothing_and_unknown_labels_are_refused():
    with pytest.raises(InputError, match="at least one frame"):
        batch_of([])
    with pytest.raises(InputError, match="no 'force'; known: energy, forces"):
        batch_of([frame(1, "x")], ["force"])


# What is wrong with data is said when it is read


def bad(shape, where) -> np.ndarray:
    array = np.zeros(shape)
    array[where] = np.nan
    return array


@pytest.mark.parametrize(("file", "array", "facts"), [
    ("force", bad((4, 9), (2, 5)), {"frame": 2, "atom": 1}),
    ("energy", bad(4, 3), {"frame": 3}),
    ("virial", bad((4, 9), (1, 8)), {"frame": 1}),
    ("atom_ener", bad((4, 3), (0, 2)), {"frame": 0, "atom": 2}),
    ("coord", bad((4, 9), (1, 0)) + np.eye(9)[:4], {"frame": 1, "atom": 0}),
    ("drdq", bad((4, 18), (3, 13)), {"frame": 3, "atom": 2}),
])  # fmt: skip
def test_numbers_that_are_not_finite_are_named_by_file_frame_and_atom(tmp_path, file, array, facts):
    place = write_folder(tmp_path / "a", **{file: array})
    with pytest.raises(FormatError, match="not finite") as caught:
        read_systems([place], TYPES, LABELS)
    assert caught.value.file == str(place / "set.000" / f"{file}.npy")
    assert {name: caught.value.facts.get(name) for name in facts} == facts
    assert caught.value.file in str(caught.value)


def test_numbers_of_virtual_atoms_and_labels_that_nobody_asks_for_may_be_anything(tmp_path):
    virial = np.full((4, 9), np.nan)
    place = write_folder(tmp_path / "a", [0, 0, 0], virial=virial, force=bad((4, 9), (1, slice(6, 9))),
                         real_atom_types=np.array([[0, 1, 1], [0, 1, -1], [0, 1, 1], [0, 1, 1]]))  # fmt: skip
    (system,) = read_systems([place], TYPES, ["energy", "forces"])
    batch = batch_of([system.frame(1)], ["forces"])
    assert np.isfinite(batch.labels["forces"]).all()
    with pytest.raises(FormatError, match="virial"):
        read_systems([place], TYPES, ["virial"])


def test_a_label_of_some_sets_only_is_refused(tmp_path):
    place = write_folder(tmp_path / "a", sets=2)
    (place / "set.001" / "force.npy").unlink()
    assert len(read_systems([place], TYPES, ["energy"])[0]) == 8
    with pytest.raises(FormatError, match="all sets of a system or to none") as caught:
        read_systems([place], TYPES, ["energy", "forces"])
    assert caught.value.file == str(place / "set.001" / "force.npy")


def test_parameters_of_some_sets_only_are_refused(tmp_path):
    place = write_folder(tmp_path / "a", sets=2, fparam=np.zeros((4, 2)))
    (place / "set.000" / "fparam.npy").unlink()
    with pytest.raises(FormatError, match="all sets of a system or to none") as caught:
        read_systems([place], TYPES)
    assert caught.value.file == str(place / "set.000" / "fparam.npy")


def test_a_system_without_frames_is_refused(tmp_path):
    place = write_folder(tmp_path / "a", frames=0)
    with pytest.raises(FormatError, match="no frames") as caught:
        read_systems([place], TYPES)
    assert caught.value.file == str(place)


def test_folders_are_searched_and_names_may_be_chosen(tmp_path):
    for name in ("x/water_1", "x/ice_1", "y/water_2"):
        write_folder(tmp_path / name)
    names = [s.name for s in read_systems([tmp_path / "y", tmp_path], TYPES)]
    assert names == [str(tmp_path / n) for n in ("y/water_2", "x/ice_1", "x/water_1", "y/water_2")]
    chosen = read_systems([tmp_path], TYPES, patterns=["water*"])
    assert [s.name for s in chosen] == [str(tmp_path / n) for n in ("x/water_1", "y/water_2")]
    with pytest.raises(FormatError, match="none of its 3 systems matches steam"):
        read_systems([tmp_path], TYPES, patterns=["steam"])


def test_systems_in_hdf5_and_in_text_files_make_the_same_batches(tmp_path):
    place = write_folder(tmp_path / "a", [1, 0, 1])
    arrays = {name: np.load(place / "set.000" / f"{name}.npy") for name in ("coord", "energy", "force")}
    text = tmp_path / "text"
    text.mkdir()
    for name, array in arrays.items():
        np.savetxt(text / f"{name}.raw", array.reshape(4, -1), fmt="%.17g")
    with h5py.File(tmp_path / "all.hdf5", "w") as file:
        group = file.create_group("sea/a")
        group["type.raw"], group["type_map.raw"] = [1, 0, 1], ["O", "H"]
        group["nopbc"] = True
        for name, array in arrays.items():
            group[f"set.000/{name}.npy"] = array
    for name in ("type.raw", "type_map.raw", "nopbc"):
        (text / name).write_text((place / name).read_text())
    expected = batch_of([read_systems([place], TYPES)[0].frame(k) for k in range(4)])
    for other in (text, f"{tmp_path / 'all.hdf5'}#/sea"):
        (system,) = read_systems([other], TYPES, ["energy", "forces"])
        batch = batch_of([system.frame(k) for k in range(4)])
        assert all(np.array_equal(batch.labels[n], expected.labels[n]) for n in ("energy", "forces"))
        assert [s.types.tolist() for s in batch.systems] == [[0, 1, 1]] * 4


def test_types_that_the_model_does_not_have_are_refused(tmp_path):
    with pytest.raises(FormatError, match="'H', which the type map does not name"):
        read_systems([write_folder(tmp_path / "a")], ("O", "C"))
