"""Errors of models against labels are those that `dp test` prints; the worst frames and atoms are found by name."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from heads import HEADS, expected, sample
from tolerances import assert_close
from training_data import CONFIG, FOLDERS, TYPES, write_folder
from training_runs import FOLDER

import dpa2
from dpa2 import testing
from dpa2.data import Frame, read_dataset
from dpa2.errors import InputError
from dpa2.surveys.accuracy import compare_accuracy, survey_accuracy, worst_atoms, worst_frames

# Printed by DeePMD-kit 3.2.0, `dp --pt test -m initial.pt -s FOLDERS`; the model is that of allterms_adamw.
PRINTED = {
    "sysA": {
        "energy_mae": 1.389972e01, "energy_rmse": 1.390546e01,
        "energy_mae_per_atom": 1.389972e00, "energy_rmse_per_atom": 1.390546e00,
        "force_mae": 2.343051e-01, "force_rmse": 3.470513e-01,
        "virial_mae": 6.759474e-01, "virial_rmse": 8.979524e-01,
        "virial_mae_per_atom": 6.759474e-02, "virial_rmse_per_atom": 8.979524e-02,
    },
    "sysB": {
        "energy_mae": 8.556195e00, "energy_rmse": 8.561555e00,
        "energy_mae_per_atom": 1.426033e00, "energy_rmse_per_atom": 1.426926e00,
        "force_mae": 1.677976e-01, "force_rmse": 3.094764e-01,
    },
}  # fmt: skip
ALL_THREE = {  # its "weighted average of errors"
    "energy_mae": 1.071179e01, "energy_rmse": 1.099386e01, "virial_mae": 4.394195e-01, "virial_rmse": 6.533409e-01,
}  # fmt: skip
PADDED = {"force_mae": 1.103912e-01, "force_rmse": 2.377617e-01}  # of mixC, whose virtual atoms it counts


@pytest.fixture(scope="module")
def found():
    """The errors of one model on three systems, the first of which is a mixed one with virtual atoms."""
    model = dpa2.load(FOLDER / "allterms_adamw" / "initial.dp")
    return survey_accuracy(model, read_dataset(FOLDERS.values(), model.type_map))


def require_printed(summary: dict, printed: dict) -> None:
    for name, number in printed.items():
        assert_close("printed", summary[name], number, name)


def test_errors_of_systems_are_those_that_the_reference_prints(found):
    systems = {name.rpartition("/")[2]: system.summary() for name, system in found.systems.items()}
    assert list(systems) == ["sysA", "sysB", "mixC"]
    for name, printed in PRINTED.items():
        require_printed(systems[name], printed)
        assert {key for key in systems[name] if "_mae" in key or "_rmse" in key} == set(printed)
    assert (systems["sysA"]["virial_frames"], systems["sysB"]["energy_frames"]) == (7, 5)


def test_errors_in_all_weigh_every_number_alike_as_the_reference_does(found):
    require_printed(found.summary(), ALL_THREE)
    assert (found.summary()["frames"], found.summary()["virial_frames"]) == (21, 16)


def test_virtual_atoms_do_not_count_which_the_reference_counts_as_if_they_had_no_error(found):
    mixed = next(system for name, system in found.systems.items() if name.endswith("mixC")).summary()
    share = mixed["atoms"] / (8 * mixed["frames"])  # of the slots, by which the reference divides
    assert share < 1
    assert_close("printed", mixed["force_mae"] * share, PADDED["force_mae"])
    assert_close("printed", mixed["force_rmse"] * np.sqrt(share), PADDED["force_rmse"])


def test_frames_without_a_label_are_counted(found):
    assert found.unlabelled == {"energy": 0, "force": 0, "virial": 5, "any": 0}


WEIGHTED = {  # the same with the weights of `weighted`: of each of two systems, and in all
    "sysA": {"force_mae_weighted": 2.081745e-01, "force_rmse_weighted": 3.245932e-01},
    "sysB": {"force_mae_weighted": 1.646858e-01, "force_rmse_weighted": 2.989900e-01},
    "all": {"force_mae_weighted": 1.786287e-01, "force_rmse_weighted": 3.074310e-01},
}


def weighted(name: str) -> list[Frame]:
    """The frames of a system with weights of forces."""
    frames = list(read_dataset(FOLDERS[name], TYPES))
    numbers = {"sysA": np.tile(np.arange(10.0) / 5, (7, 1)), "sysB": 3 + np.arange(30.0).reshape(5, 6) / 10}[name]
    return [dataclasses.replace(f, atom_pref=weights) for f, weights in zip(frames, numbers, strict=True)]


def test_errors_with_weights_of_forces_are_those_that_the_reference_prints(found):
    model = dpa2.load(FOLDER / "allterms_adamw" / "initial.dp")
    both = survey_accuracy(model, weighted("sysA") + weighted("sysB"))
    for name, system in both.systems.items():
        require_printed(system.summary(), WEIGHTED[name.rpartition("/")[2]])
    require_printed(both.summary(), WEIGHTED["all"])
    assert not [name for name in found.summary() if "weighted" in name]
    partly = survey_accuracy(model, weighted("sysA") + list(read_dataset(FOLDERS["sysB"], TYPES)))
    require_printed(partly.summary(), WEIGHTED["sysA"])
    assert list(partly.systems.values())[1].points["force"].weights is None


OF_HEADS = {  # printed by `dp --pt test` for the frames of `labelled`: in all; of tensors it prints no MAE
    "property_excluded": ("band_prop", {"band_prop_mae": 9.839873e-02, "band_prop_rmse": 1.194564e-01}),
    "dos": ("dos", {"dos_mae": 8.837834e-02, "dos_rmse": 1.207438e-01}),
    "drawn_dipole": ("dipole", {"dipole_rmse": 1.164294e-01}),
    "polar": ("polarizability", {"polarizability_rmse": 1.429393e-01}),
}


def labelled(stem: str) -> list[Frame]:
    """Two and three frames of a sample, moved, with labels that are wrong."""
    structure, numbers = sample(stem)
    value = next(iter(expected(dpa2.load(HEADS / f"{stem}.dp"), numbers).values())).ravel()
    generator = np.random.default_rng(1)
    frames = []
    for system, count in enumerate((2, 3)):
        moves = generator.normal(0, 0.01, (count, structure["coordinates"].size)).reshape(count, -1, 3)
        for k in range(count):
            labels = {OF_HEADS[stem][0]: value + 0.1 * k + 0.1 * generator.normal(size=value.shape)}
            place = dpa2.System(structure["coordinates"] + moves[k], structure["types"], structure["cell"])
            frames.append(Frame(place, *[None] * 5, f"{system} frame {k}", labels, source=f"{system}"))
    return frames


@pytest.mark.parametrize("stem", OF_HEADS)
def test_errors_of_other_heads_are_those_that_the_reference_prints(stem):
    model, frames = dpa2.load(HEADS / f"{stem}.dp"), labelled(stem)
    found = survey_accuracy(model, frames)
    require_printed(found.summary(), OF_HEADS[stem][1])
    key = OF_HEADS[stem][0]
    errors = [model.evaluate(f).named()[model.kind].ravel() - f.labels[key] for f in frames]
    largest = [max(error, key=abs) for error in errors]
    order = sorted(range(5), key=lambda k: -abs(largest[k]))
    assert [(bad.frame, bad.atom) for bad in worst_frames(found, key)] == [(frames[k].name, None) for k in order]
    assert_close("libraries", [bad.error for bad in worst_frames(found, key)], [largest[k] for k in order])
    assert worst_atoms(found) == []


MODEL = testing.perturbed_model(CONFIG)


def frame(energy: float | None, forces: dict[int, float], name: str, types=(0, 1, 1)) -> Frame:
    """A cluster whose labels are off: the energy by a number, and the force on some atoms, by index, along x."""
    grid = np.array([[0, 0, 0], [1.2, 0, 0], [0, 1.3, 0], [0, 0, 1.4], [1.1, 1.2, 0]])[: len(types)]
    system = dpa2.System(grid, np.array(types))
    out = MODEL.evaluate(system)
    wrong = np.array(out.forces)
    for atom, size in forces.items():
        wrong[atom, 0] -= size
    return Frame(system, None if energy is None else out.energy - energy, wrong, None, None, None, name, source=name[0])


@pytest.fixture(scope="module")
def wrong():
    """Errors of labels that are off by known numbers; b0 has a virtual atom in the second place, a1 no energy."""
    frames = [
        frame(0.3, {0: 0.5, 2: -0.25}, "a0"), frame(None, {1: 0.75}, "a1"),
        frame(-0.8, {2: -2.0, 3: 0.1}, "b0", (1, -1, 1, 0)), frame(0.2, {}, "b1", (0,)),
    ]  # fmt: skip
    return survey_accuracy(MODEL, frames)


def test_the_worst_frames_are_named_by_their_energies_per_atom_with_sign(wrong):
    worst = worst_frames(wrong, "energy", 5)
    assert [bad.frame for bad in worst] == ["b0", "b1", "a0"]
    assert [bad.error for bad in worst] == pytest.approx([-0.8 / 3, 0.2, 0.1], abs=1e-9)


def test_the_worst_frames_are_named_by_their_largest_error_of_a_force(wrong):
    worst = worst_frames(wrong, "force", 3)
    assert [(bad.frame, bad.atom, bad.type) for bad in worst] == [("b0", 2, "H"), ("a1", 1, "H"), ("a0", 0, "O")]
    assert [bad.error for bad in worst] == pytest.approx([2.0, 0.75, 0.5], abs=1e-9)


def test_the_worst_atoms_are_named_by_frame_index_and_type(wrong):
    """The index is that in the file, where virtual atoms stand between others."""
    worst = worst_atoms(wrong, 5)
    places = [(bad.frame, bad.atom, bad.type) for bad in worst]
    assert places == [("b0", 2, "H"), ("a1", 1, "H"), ("a0", 0, "O"), ("a0", 2, "H"), ("b0", 3, "O")]
    assert [bad.error for bad in worst] == pytest.approx([2.0, 0.75, 0.5, 0.25, 0.1], abs=1e-9)
    assert [bad.frame for bad in worst_atoms(wrong.systems["a"], 5)][:2] == ["a1", "a0"]


def test_totals_are_over_all_frames_and_all_components(wrong):
    summary = wrong.summary()
    assert summary["energy_mae_per_atom"] == pytest.approx((0.8 / 3 + 0.2 + 0.1) / 3, abs=1e-9)
    assert summary["force_rmse"] == pytest.approx(np.sqrt((4 + 0.75**2 + 0.25 + 0.0625 + 0.01) / (3 * 10)), abs=1e-9)
    assert wrong.unlabelled == {"energy": 1, "force": 0, "virial": 4, "any": 0}


def test_a_frame_without_any_label_is_counted_and_not_evaluated():
    """The list of neighbours of a crowd would be refused."""
    crowd = dpa2.System(np.random.default_rng(0).random((200, 3)) * 3, [0] * 200)
    with pytest.raises(InputError, match="neighbours"):
        MODEL.evaluate(crowd)
    found = survey_accuracy(MODEL, [frame(0.3, {}, "a0"), Frame(crowd, *[None] * 5, "crowd")])
    assert found.summary()["frames"] == 2
    assert found.unlabelled["any"] == 1


def test_two_models_are_compared_on_the_same_frames_with_labels_or_without():
    """The second model has its types in the other order, and the energy of one type is 0.5 eV larger."""
    checkpoint = MODEL.checkpoint()
    bias = checkpoint.weights["bias"] + np.array([0.0, 0.5])
    second = dpa2.Model.from_checkpoint(dataclasses.replace(checkpoint, weights=checkpoint.weights | {"bias": bias}))
    bare = dataclasses.replace(frame(0, {}, "c0"), energy=None, forces=None)
    both = compare_accuracy(MODEL, second, [frame(0.3, {0: 0.5}, "a0"), bare])
    assert both.first.summary()["energy_mae"] == pytest.approx(0.3, abs=1e-9)
    assert both.second.summary()["energy_mae"] == pytest.approx(1.3, abs=1e-9)
    apart = both.apart.summary()
    assert (apart["energy_frames"], both.first.summary()["energy_frames"]) == (2, 1)
    assert apart["energy_mae"] == pytest.approx(1.0, abs=1e-9)
    assert apart["force_rmse"] < 1e-12
    assert compare_accuracy(MODEL, second, [bare]).first.points == {}


def test_types_of_two_models_may_have_another_order():
    turned = dpa2.load(FOLDER / "allterms_adamw" / "initial.dp")
    frames = [frame(0.3, {}, "a0"), frame(0.1, {}, "a1", (1, 1, 0, 0))]
    named = [
        dataclasses.replace(f, system=dataclasses.replace(f.system, types=np.array(TYPES)[f.system.types]))
        for f in frames
    ]
    other = testing.perturbed_model(dataclasses.replace(CONFIG, types=TYPES[::-1]), seed=3)
    by_index, by_name = compare_accuracy(turned, other, frames), compare_accuracy(turned, other, named)
    assert_close(
        "libraries", by_index.second.summary()["energy_mae"], survey_accuracy(other, named).summary()["energy_mae"]
    )
    assert by_index.apart.summary() == by_name.apart.summary()


def test_models_of_different_kinds_are_refused():
    with pytest.raises(InputError, match=r"the first predicts energy, force, virial, the second dipole \(3\)"):
        compare_accuracy(MODEL, dpa2.load(HEADS / "drawn_dipole.dp"), [])


def test_data_without_labels_are_refused_before_anything_is_evaluated():
    bare = Frame(dpa2.System(np.zeros((1, 3)), [0]), *[None] * 5, "bare")
    with pytest.raises(InputError, match=r"none of the 2 frames has a label .* energy.npy, force.npy, virial.npy"):
        survey_accuracy(MODEL, [bare, bare])
    with pytest.raises(InputError, match=r"dipole\.npy"):
        survey_accuracy(dpa2.load(HEADS / "drawn_dipole.dp"), [bare])
    with pytest.raises(InputError, match="there are no frames"):
        survey_accuracy(MODEL, [])
    with pytest.raises(InputError, match=r"frame 0: .* is no frame"):
        survey_accuracy(MODEL, [bare.system])


def test_labels_that_are_not_finite_are_refused_before_anything_is_evaluated(tmp_path):
    forces = np.ones((4, 9))
    forces[2, 5] = np.nan
    data = read_dataset(write_folder(tmp_path / "a", force=forces), TYPES)
    done = []
    with pytest.raises(InputError, match=r"force of .*set.000 frame 2: atom 1 has \[1.0, 1.0, nan\]") as caught:
        survey_accuracy(MODEL, data, progress=done.append)
    assert (caught.value.atom, caught.value.argument, done) == (1, "force", [])
    data = read_dataset(write_folder(tmp_path / "b", energy=np.array([1.0, np.inf, 1.0, 1.0])), TYPES)
    with pytest.raises(InputError, match=r"energy of .* frame 1: inf"):
        survey_accuracy(MODEL, data)


def test_labels_of_virtual_atoms_may_be_anything():
    given = frame(0.0, {}, "v0", (0, -1, 1))
    forces = np.where(np.arange(3)[:, None] == 1, np.nan, given.forces)
    assert survey_accuracy(MODEL, [dataclasses.replace(given, forces=forces)]).summary()["force_rmse"] < 1e-12


def test_a_label_of_another_size_is_refused_by_name():
    short = dataclasses.replace(frame(0.0, {}, "short"), forces=np.zeros((2, 3)))
    with pytest.raises(InputError, match="short: force has 6 numbers, and the model predicts 9"):
        survey_accuracy(MODEL, [short])


def test_frames_are_read_one_after_another_and_reported(tmp_path):
    data = read_dataset(write_folder(tmp_path / "a", frames=3), TYPES)
    done = []
    found = survey_accuracy(MODEL, data, progress=done.append)
    assert done == [0, 1, 2]
    assert found.frames.names[2].endswith("set.000 frame 2")
    assert survey_accuracy(MODEL, iter(list(data))).summary() == found.summary()


def test_a_summary_is_plain_numbers(found):
    assert json.loads(json.dumps(found.summary())) == found.summary()
