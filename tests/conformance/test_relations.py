"""What was found is -1, c, a unit, another order, single precision ... of what was expected: said where it holds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dpa2.conformance.check import check, check_all, common_causes, relations
from dpa2.conformance.report import verdict
from dpa2.conformance.vectors import evaluated, shipped


def volume(system):
    return 1.0 if system.cell is None else abs(np.linalg.det(system.cell))


def rows(direction=lambda d, r: d, neighbor=False):
    """A change of the environment matrix before statistics, which may be those of the neighbour's type."""

    def changed(x, vector):
        types, weights = vector.system.types, vector.weights
        mean, std = (weights[f"descriptor.repinit.environment.{what}"] for what in ("mean", "std"))
        real = (types >= 0)[:, None]
        own = [np.where(real, mean[types], 0.0)[:, None], np.where(real, std[types], 1.0)[:, None]]
        d = x * own[1] + own[0]
        r = np.linalg.norm(vector.trace["nlist/ri_vector"], axis=-1)[..., None]
        near = types[vector.trace["nlist/ri_local"]]
        used = [mean[near], std[near]] if neighbor else own
        turned = np.concatenate([d[..., :1], direction(d[..., 1:], r)], axis=-1)
        return np.where((x != 0).any(axis=-1, keepdims=True), (turned - used[0]) / used[1], 0.0)

    return changed


def shuffled(x, vector):
    """The slots that hold a neighbour in reverse order, atom by atom."""
    out = x.copy()
    for atom, count in enumerate((vector.trace["nlist/ri"] >= 0).sum(axis=1)):
        out[atom, :count] = x[atom, :count][::-1]
    return out


MISTAKES = [  # which intermediate, the mistake, and what must be said of it
    ("force", lambda x, v: -x, "= -1 × expected"),
    ("force", lambda x, v: x[::-1], "= expected with the atoms in reverse order"),
    ("force", lambda x, v: x * 23.06054, "= 23.0605 (kcal/mol in place of eV) × expected"),
    ("force", lambda x, v: x / 51.422067, "= 0.0194469 (Hartree/Bohr in place of eV/Å) × expected"),
    ("force", lambda x, v: x.astype("float32"), "= expected rounded to single precision"),
    ("virial", lambda x, v: -x, "= -1 × expected"),
    ("virial", lambda x, v: x / 2.0, "= 1/2 × expected"),
    ("virial", lambda x, v: x.reshape(3, 3).T, "= expected with the 3 × 3 tensor transposed"),
    ("virial", lambda x, v: x / volume(v.system), "= 1/(the volume) × expected"),
    ("atom_virial", lambda x, v: x.reshape(-1, 3, 3).swapaxes(1, 2), "= expected with the 3 × 3 tensor transposed"),
    ("atom_energy", lambda x, v: x / 27.211386, "= 1/27.2114 (Hartree in place of eV) × expected"),
    ("atom_energy", lambda x, v: x * 1.37, "= 1.37 × expected"),
    ("atom_energy", lambda x, v: x + 0.25, "= expected + 0.25"),
    ("energy", lambda x, v: x * 96.4853, "= 96.4853 (kJ/mol in place of eV) × expected"),
    ("energy", lambda x, v: x / len(v.system.types), "= 1/(the number of atoms) × expected"),
    ("repinit/gr", lambda x, v: x.transpose(0, 2, 1), "= expected with its axes in the order (0, 2, 1): transposed"),
    ("repinit/sw", lambda x, v: x * np.linalg.norm(v.trace["nlist/ri_vector"], axis=-1), "= r^1 × expected"),
    ("repinit/env_mat", rows(lambda d, r: d * r**2), "= r^2 × expected in the direction"),
    ("repinit/env_mat", rows(neighbor=True), "= expected with statistics (davg, dstd) of the neighbour's type"),
    ("energy", lambda x, v: x * np.nan, "NaN or infinite numbers"),
    ("repinit/env_mat", lambda x, v: x[..., [1, 2, 3, 0]], "= expected with the channels (the last axis) in another"),
    ("descriptor", lambda x, v: np.roll(x, 3, axis=1), "= expected with the channels (the last axis) in another"),
    ("repinit/gg", lambda x, v: shuffled(x, v), "= expected with the neighbours of each atom in another order"),
    ("repinit/sw", lambda x, v: shuffled(x, v), "= expected with the neighbours of each atom in another order"),
]


def given(name, change):
    return lambda vector, dtype: {name: change(vector.trace[name], vector)}


@pytest.mark.parametrize(("name", "change", "words"), MISTAKES, ids=[f"{m[0]}: {m[2]}" for m in MISTAKES])
def test_the_relation_of_found_to_expected_numbers_is_said(name, change, words):
    reports = check_all(given(name, change), shipped())
    wrong = sum(report.divergence is not None for report in reports)
    assert wrong > 10
    (found,) = relations(reports)
    assert found[0].name == name
    assert found[0].words.startswith(words)
    assert found[1] == found[2] == wrong
    assert f"{name}: found {found[0].words}; in {wrong} of {wrong} vectors that differ there" in verdict(reports)


NAMED = [  # mistakes that have a name of their own
    ("repinit/sw", lambda x, v: (x > 0) * 1.0, "switch-hard"),
    ("repinit/sw", lambda x, v: x * x, "switch-squared"),
    ("repinit/env_mat", rows(lambda d, r: -d), "direction-reversed"),
]


@pytest.mark.parametrize(("name", "change", "cause"), NAMED, ids=[m[2] for m in NAMED])
def test_the_commonest_mistakes_of_an_environment_matrix_have_names(name, change, cause):
    reports = check_all(given(name, change), shipped())
    assert cause in [found.name for found in common_causes(reports)]


@pytest.mark.parametrize("name", ["repinit/env_mat", "descriptor", "force"])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda cell: cell.T, "= expected of the transposed cell: lattice vectors are rows, not columns"),
        (lambda cell: None, "= expected of the structure without its cell"),
    ],
)
def test_a_cell_that_is_read_in_a_wrong_way_is_noticed(name, change, words):
    def target(vector, dtype):
        cell = vector.system.cell
        system = vector.system if cell is None else replace(vector.system, cell=change(cell))
        return {name: evaluated(vector.model, system)[name]}

    reports = check_all(target, shipped())
    wrong = [report for report in reports if report.divergence]
    (found,) = relations(reports)
    assert len(wrong) >= 3
    assert all(vector.system.cell is not None for vector in shipped() if vector.name in {r.name for r in wrong})
    assert (found[0].words, found[1], found[2]) == (words, len(wrong), len(wrong))


def test_a_relation_is_counted_where_it_holds():
    def target(vector, dtype):
        return {"force": -vector.trace["force"] * (1.0 + 0.01 * vector.trace["force"] * vector.config.smooth)}

    (found,) = relations(check_all(target, shipped()))
    plain = [v for v in shipped() if not v.config.smooth and v.trace["force"].any()]
    assert found[0].words == "= -1 × expected"
    assert len(plain) <= found[1] < found[2]


@pytest.mark.parametrize("change", [lambda x, v: x + 1e-3 * x**2, lambda x, v: x + 1e-6 * np.sin(1e6 * x)])
def test_where_no_relation_holds_none_is_said(change):
    assert not relations(check_all(given("force", change), shipped()))


def test_one_number_is_no_multiple_of_another_without_a_name():
    vector = shipped()[0]
    assert not check(vector, {"energy": 1.234 * vector.trace["energy"]}).relations
    assert check(vector, {"energy": -vector.trace["energy"]}).relations


def test_atoms_in_another_order_are_noticed():
    def target(vector, dtype):
        return {"force": np.roll(vector.trace["force"], 1, axis=0)}

    (found,) = relations(check_all(target, shipped()))
    assert found[0].words == "= expected with the atoms in another order"
    assert found[1] > 20  # atoms whose forces are equal are not told apart


def test_a_wrong_force_is_told_although_the_cause_of_wrong_energies_is_known_or_not():
    def target(vector, dtype):
        return {"atom_energy": vector.trace["atom_energy"] * 23.060548, "force": vector.trace["force"] * 23.060548}

    reports = check_all(target, shipped())
    assert not common_causes(reports)
    assert [found[0].name for found in relations(reports)] == ["atom_energy", "force"]
