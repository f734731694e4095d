"""Structures that are periodic along some axes only: as if the others had a vacuum that no cutoff crosses."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
from command_line import run

import dpa2
from dpa2 import System, demo
from dpa2.errors import InputError
from dpa2.neighbors import SkinList, neighbor_list
from dpa2.structures.lattice import completed
from dpa2.structures.system import checked

MODEL = dpa2.load(demo.MODEL)
SOME = [(1, 1, 0), (1, 0, 1), (0, 1, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
pytestmark = pytest.mark.filterwarnings("ignore::dpa2.TruncationWarning")


def tilted(seed: int) -> np.ndarray:
    """A cell of which no vector is perpendicular to another."""
    return np.diag([6.0, 6.5, 7.0]) + np.random.default_rng(seed).normal(0, 0.6, (3, 3))


def structure(pbc, seed: int, cell: np.ndarray) -> System:
    """Atoms inside and far outside of the cell, along free axes too."""
    generator = np.random.default_rng(seed)
    places = generator.uniform(-0.4, 1.4, (14, 3))
    return System(places @ cell, generator.integers(0, 2, 14), cell, pbc=pbc)


def with_vacuum(system: System) -> System:
    """The same structure, periodic along all axes, with a vacuum of 400 Å along those that were free."""
    free = ~np.array(system.pbc, bool)
    return System(system.coordinates, system.types, np.where(free[:, None], 60 * system.cell, system.cell))


def same(a, b) -> None:
    for name in ("energy", "forces", "virial", "atom_energy", "atom_virial"):
        one, other = (np.asarray(getattr(x, name)) for x in (a, b))
        if one.dtype == object:
            continue
        assert np.abs(one - other).max() <= 1e-12 * np.abs(other).max(), name


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("pbc", SOME)
def test_free_axes_are_a_vacuum_that_no_cutoff_crosses(pbc, seed):
    cell = np.diag([6.0, 6.5, 7.0]) if seed == 0 else tilted(seed)
    system = structure(pbc, seed, cell)
    found = MODEL.evaluate_many([system, with_vacuum(system)], neighbors="truncate")
    assert np.abs(np.asarray(found[1].forces)).max() > 1e-4  # atoms meet each other
    same(*found)


@pytest.mark.parametrize("pbc", SOME)
def test_the_shares_of_atoms_in_the_virial_add_up_to_it(pbc):
    out = MODEL.evaluate(structure(pbc, 1, tilted(1)), neighbors="truncate", atom_virial=True)
    assert np.abs(out.atom_virial.sum(axis=0) - out.virial).max() < 1e-12 * np.abs(out.virial).max() + 1e-14


@pytest.mark.parametrize("pbc", SOME)
def test_the_vectors_of_free_axes_do_not_matter(pbc):
    system = structure(pbc, 2, tilted(2))
    free = ~np.array(pbc, bool)
    expected = MODEL.evaluate(system, neighbors="truncate")
    for vectors in (np.zeros((3, 3)), np.full((3, 3), 0.5), 1e3 * np.eye(3)):
        cell = np.where(free[:, None], vectors, system.cell)
        same(MODEL.evaluate(System(system.coordinates, system.types, cell, pbc=pbc), neighbors="truncate"), expected)


@pytest.mark.parametrize("pbc", SOME)
def test_kept_neighbours_are_those_of_a_search_while_atoms_cross_faces(pbc):
    generator, cell = np.random.default_rng(5), tilted(5)
    system = structure(pbc, 5, cell)
    nearby = SkinList(4.0, 60, skin=1.0)
    coordinates = system.coordinates
    for _ in range(12):
        coordinates = coordinates + generator.uniform(-0.15, 0.15, coordinates.shape)
        now = checked(System(coordinates, system.types, cell, pbc=pbc), ("O", "H"))
        one, other = nearby.update(now), neighbor_list(now, 4.0, 60)
        for name in ("index", "vector", "shift", "extended"):
            assert np.array_equal(getattr(one, name), getattr(other, name)), name
        assert not one.shift[..., ~np.array(pbc, bool)].any()


def test_other_axes_end_a_kept_search():
    both, cell = [[0.0, 0, 0], [1.0, 0, 3.5]], 4.0 * np.eye(3)
    nearby = SkinList(2.0, 10, skin=0.5)
    counts = [
        int(nearby.update(checked(System(both, [0, 0], cell, pbc=pbc), ("O",))).counts.sum())
        for pbc in (True, (1, 1, 0), (0, 0, 1), False)
    ]
    assert counts == [2, 0, 2, 0]


def test_one_boolean_holds_for_all_axes():
    system = structure((1, 1, 1), 0, tilted(0))
    without = System(system.coordinates, system.types)
    found = [System(system.coordinates, system.types, system.cell, pbc=False), without]
    same(*(MODEL.evaluate(s, neighbors="truncate") for s in found))


@pytest.mark.parametrize(
    ("cell", "pbc", "message"),
    [
        (None, (1, 1, 0), "cell: is missing"),
        (np.eye(3), (1, 0), "three booleans"),
        (np.eye(3), (1, 0, 2), "three booleans"),
        (np.eye(3), "xy", "three booleans"),
        ([[4, 0, 0], [8, 0, 0], [0, 0, 9]], (1, 1, 0), "lie in a plane"),
        ([[4, 0, 0], [0, 0, 0], [0, 0, 9]], (1, 1, 0), "lie in a plane"),
        ([[0, 0, 0], [0, 4, 0], [0, 0, 9]], (1, 0, 0), "is zero"),
    ],
)
def test_axes_that_cannot_be_are_refused(cell, pbc, message):
    with pytest.raises(InputError, match=message):
        MODEL.evaluate(System([[0, 0, 0]], [0], cell, pbc=pbc))


def test_stress_needs_three_periodic_axes():
    system = structure((1, 1, 0), 1, tilted(1))
    with pytest.raises(InputError, match="periodic along all three axes"):
        MODEL.evaluate(system, neighbors="truncate").stress  # noqa: B018


def test_structures_of_ase_keep_their_axes():
    atoms = SimpleNamespace(positions=np.zeros((1, 3)), cell=np.diag([4.0, 5.0, 0.0]), pbc=[True, True, False])
    atoms.get_chemical_symbols = lambda: ["O"]
    assert checked(System.from_ase(atoms), ("O",)).pbc == (True, True, False)
    atoms.pbc = [True, True, True]
    with pytest.raises(InputError, match="set pbc = False"):
        System.from_ase(atoms)


def slab(calculator=None):
    ase = pytest.importorskip("ase")
    system = structure((1, 1, 0), 1, tilted(1))
    cell = np.where([[True], [True], [False]], system.cell, 0.0)
    return ase.Atoms(
        ["OH"[t] for t in system.types], system.coordinates, cell=cell, pbc=[1, 1, 0], calculator=calculator
    )


def test_the_calculator_takes_slabs_and_refuses_their_stress():
    pytest.importorskip("ase")
    from ase.calculators.calculator import PropertyNotImplementedError

    from dpa2.ase import DPA2

    atoms, expected = slab(DPA2(demo.MODEL, neighbors="truncate")), with_vacuum(structure((1, 1, 0), 1, tilted(1)))
    out = MODEL.evaluate(expected, neighbors="truncate")
    assert np.abs(atoms.get_forces() - out.forces).max() <= 1e-12 * np.abs(out.forces).max()
    rule = r"pbc = \[True, True, False\]; a stress needs .* periodic along all three axes"
    with pytest.raises(PropertyNotImplementedError, match=rule):
        atoms.get_stress()
    atoms.set_pbc([1, 0, 0])
    with_wire = MODEL.evaluate(atoms, neighbors="truncate").forces
    assert np.array_equal(atoms.get_forces(), with_wire)


def test_the_command_line_takes_slabs(tmp_path):
    pytest.importorskip("ase")
    slab().write(tmp_path / "slab.extxyz")
    told = json.loads(run("eval", demo.MODEL, tmp_path / "slab.extxyz", "--truncate", "--json").stdout)
    expected = MODEL.evaluate(with_vacuum(structure((1, 1, 0), 1, tilted(1))), neighbors="truncate").energy
    assert told["frames"][0]["energy"] == pytest.approx(float(expected), abs=1e-5)  # a file has 8 digits


def test_a_golden_vector_of_a_slab_is_refused():
    from dpa2.conformance.vectors import vector_of

    system = checked(structure((1, 1, 0), 1, tilted(1)), ("O", "H"))
    with pytest.raises(InputError, match="all axes or none"):
        vector_of("slab", MODEL, system)


def test_a_file_of_results_has_the_periodic_axes_of_its_structures(tmp_path):
    """A slab in a file with three periodic axes would have a stress, and other neighbours when it is read again."""
    ase = pytest.importorskip("ase.io")
    slab().write(tmp_path / "slab.extxyz")
    for target in (tmp_path / "out.extxyz", tmp_path / "out.traj"):
        run("eval", demo.MODEL, tmp_path / "slab.extxyz", "--truncate", "--out", target)
        written = ase.read(target)
        assert written.pbc.tolist() == [True, True, False]
        assert written.cell[:2] == pytest.approx(slab().cell[:2])
        assert not written.cell[2].any()
        assert "stress" not in written.calc.results
        again = json.loads(run("eval", demo.MODEL, target, "--truncate", "--json").stdout)
        assert again["frames"][0]["energy"] == pytest.approx(written.calc.results["energy"], abs=1e-9)


SHAPES = {"orthorhombic": np.diag([6.0, 6.5, 7.0]), "triclinic": tilted(3), "left-handed": tilted(3)[[1, 0, 2]]}
CLUSTER, VACUUM = (0, 0, 0), 256.0  # Å; multiplication by a power of two does not round


def in_perpendicular_vacuum(pbc, cell: np.ndarray, below: bool) -> tuple[System, System]:
    """Atoms outside of the cell along all axes, and the same with a wide vacuum perpendicular to periodic axes.

    below: whether some atoms have negative coordinates along free axes.
    """
    system, free = structure(pbc, 7, cell), ~np.array(pbc, bool)
    basis = completed(cell, tuple(bool(axis) for axis in pbc)) if any(pbc) else np.eye(3)
    heights = (system.coordinates @ np.linalg.inv(basis))[:, free]
    moved = system.coordinates - (heights.mean(axis=0) if below else np.floor(heights.min(axis=0))) @ basis[free]
    vacuum = np.where(free[:, None], VACUUM * basis, basis)
    return System(moved, system.types, cell if any(pbc) else None, pbc=pbc), System(moved, system.types, vacuum)


def lists(*systems: System):
    return [neighbor_list(checked(system, ("O", "H")), 4.0, 100) for system in systems]


@pytest.mark.parametrize("below", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("pbc", [*SOME, CLUSTER])
def test_neighbours_are_those_in_a_wide_perpendicular_vacuum(pbc, shape, below):
    """To the bit where no inverse of a cell rounds, and no atom below the cell is wrapped to the top of the vacuum."""
    one, other = lists(*in_perpendicular_vacuum(pbc, SHAPES[shape], below))
    assert one.counts.sum() >= 10
    assert np.array_equal(one.index, other.index)
    assert np.array_equal(one.shift[..., np.array(pbc, bool)], other.shift[..., np.array(pbc, bool)])
    rounding = 0.0 if not below and (shape == "orthorhombic" or pbc == CLUSTER) else 2 * np.spacing(VACUUM)
    filled = one.index >= 0
    assert np.abs(one.vector[filled] - other.vector[filled]).max() <= rounding
    assert np.abs(one.distance[filled] - other.distance[filled]).max() <= rounding


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("pbc", SOME)
def test_no_bit_of_a_list_depends_on_the_vectors_of_free_axes(pbc, shape):
    system, free = structure(pbc, 7, SHAPES[shape]), ~np.array(pbc, bool)
    others = [np.zeros((3, 3)), np.full((3, 3), 0.5), 1e6 * np.eye(3)]
    cells = [system.cell, *(np.where(free[:, None], vectors, system.cell) for vectors in others)]
    first, *rest = lists(*(System(system.coordinates, system.types, cell, pbc=pbc) for cell in cells))
    for found in rest:
        for name in ("index", "shift", "vector", "distance"):
            assert np.array_equal(getattr(found, name), getattr(first, name)), name


@pytest.mark.parametrize("library", ["numpy", "torch", pytest.param("jax", marks=pytest.mark.slow)])
def test_libraries_give_slabs_wires_and_clusters_what_a_vacuum_gives(library):
    pairs = [in_perpendicular_vacuum(pbc, SHAPES["left-handed"], True) for pbc in ((1, 1, 0), (0, 1, 0), CLUSTER)]
    model = MODEL.to(library)
    found = model.evaluate_many([system for pair in pairs for system in pair], neighbors="truncate")
    for one, other in zip(found[::2], found[1::2], strict=True):
        same(one, other)
