"""The exchange between ranks without LAMMPS, and the table of nodes of a rank."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import halo_program
import numpy as np
import pytest
from budgets import budget
from halo_program import check, on_threads
from hypothesis import example, given
from hypothesis import strategies as st

import dpa2
from dpa2.errors import InputError
from dpa2.interfaces.lammps.alone import Alone
from dpa2.interfaces.lammps.halo import Halo
from dpa2.interfaces.lammps.nodes import Atoms, node_table
from dpa2.neighbors import Selection

TESTS, ROOT = Path(halo_program.__file__).parent, Path(dpa2.__file__).parents[1]


@budget(60, deadline=None)
@given(
    ranks=st.integers(1, 8), seed=st.integers(0, 2**32), atoms=st.integers(0, 60),
    width=st.sampled_from([(), (1,), (3,), (2, 3)]), dtype=st.sampled_from(["float64", "float32", "float16"]),
    busy=st.integers(1, 8),
)  # fmt: skip
@example(ranks=8, seed=1, atoms=3, width=(3,), dtype="float64", busy=1)
@example(ranks=2, seed=0, atoms=0, width=(3,), dtype="float64", busy=1)
def test_reverse_is_the_adjoint_of_forward_which_brings_each_row_to_all_who_see_it(
    ranks, seed, atoms, width, dtype, busy
):
    sides = on_threads(ranks, lambda comm: check(comm, seed, atoms, width, dtype, min(busy, ranks)))
    assert all(here == there for here, there in sides)


def test_one_rank_needs_no_mpi():
    assert check(Alone(), 3, 20, (2,), "float64", 1) == (0.0, 0.0)


@pytest.mark.parametrize("ranks", [2, 3, 4])
def test_the_exchange_is_the_same_over_mpi(ranks):
    pytest.importorskip("mpi4py")
    launcher = Path(sys.executable).with_name("mpiexec")
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{TESTS}"}
    done = subprocess.run(
        [str(launcher), "-n", str(ranks), sys.executable, halo_program.__file__],
        env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (0, f"all equal on {ranks}"), done.stderr[-3000:]


def test_a_remote_atom_that_nobody_owns_is_an_error_that_names_it():
    def plan(comm):
        tags = np.array([1 + comm.rank, 99])
        return Halo(comm, 1, tags, np.zeros(2, dtype=int))

    with pytest.raises(InputError, match=r"atom id 99 is a neighbour on MPI rank \d, and no rank owns it"):
        on_threads(2, plan)


def pairs(atoms: Atoms, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """A full list of all atoms and ghosts, in a random order."""
    apart = np.linalg.norm(atoms.positions[: atoms.own, None] - atoms.positions, axis=2)
    center, other = np.nonzero((apart < reach) & (apart > 0))
    order = np.random.default_rng(0).permutation(len(center))
    return center[order], other[order]


def chain(own: list[int], ghosts: list[tuple[int, float]]) -> Atoms:
    """Atoms id k of a chain at x = k; ghosts: ids and how far they are shifted."""
    tags = np.array([*own, *(tag for tag, _ in ghosts)])
    positions = np.zeros((len(tags), 3))
    positions[:, 0] = [*own, *(tag + shift for tag, shift in ghosts)]
    return Atoms(len(own), tags, np.where(tags % 2, 1, 2), positions)


def test_a_ghost_of_an_own_atom_is_that_atom_and_others_come_once_in_order_of_ids():
    atoms = chain([3, 1, 2], [(6, -6.0), (3, -6.0), (5, 0.0), (4, 0.0), (6, 0.0), (1, 6.0)])
    nodes = node_table(atoms, *pairs(atoms, 4.5), np.array([1, 0]), 2.5)
    assert nodes.tags.tolist() == [3, 1, 2, 4, 5, 6]
    assert nodes.types.tolist() == [1, 1, 0, 0, 1, 0]
    found = nodes.neighbors(atoms.positions, Selection(2.5, 8))
    named = [sorted(nodes.tags[row[row >= 0]].tolist()) for row in found.index]
    assert named == [[1, 2, 4, 5], [2, 3, 6], [1, 3, 4, 6]]
    assert sorted(found.vector[1, :3, 0].tolist()) == [-1.0, 1.0, 2.0]


@pytest.mark.parametrize("own", [[1, 2, 3], [3, 2, 1]])
def test_equal_distances_are_ordered_by_id_and_then_by_image(own):
    ghosts = [(3, -3.0), (2, -3.0), (1, 3.0), (2, 3.0), (3, 3.0), (1, -3.0)]
    for order in (ghosts, ghosts[::-1]):
        atoms = chain(own, order)
        nodes = node_table(atoms, *pairs(atoms, 4.0), np.array([0, 0]), 3.5)
        found = nodes.neighbors(atoms.positions, Selection(3.5, 99))
        center = own.index(2)
        listed = list(zip(nodes.tags[found.index[center]].tolist(), found.vector[center, :, 0].tolist(), strict=True))
        assert listed == [(1, -1.0), (3, 1.0), (1, 2.0), (3, -2.0), (2, -3.0), (2, 3.0)]


def test_nodes_fit_as_long_as_no_atom_has_moved_by_half_the_room():
    atoms = chain([1, 2], [(3, 0.0)])
    nodes = node_table(atoms, *pairs(atoms, 9.0), np.array([0, 0]), 1.5)
    assert nodes.room == 0.5

    def moved(by: float, **changes) -> Atoms:
        positions = atoms.positions + np.outer([0, 0, by], [0, 1, 0])
        return Atoms(**{"own": 2, "tags": atoms.tags, "types": atoms.types, "positions": positions} | changes)

    assert nodes.fits(moved(0.24))
    assert not nodes.fits(moved(0.26))
    assert not nodes.fits(moved(0.0, own=3))
    assert not nodes.fits(moved(0.0, tags=np.array([1, 3, 2])))
    assert not nodes.fits(moved(0.0, types=np.array([1, 1, 1])))


def test_atoms_without_ids_and_equal_ids_are_refused():
    none = np.zeros(0, dtype=int)
    for tags, message in (([0, 0], "atoms have no ids"), ([4, 4], "two atoms have the id 4")):
        atoms = Atoms(2, np.array(tags), np.ones(2, dtype=int), np.eye(2, 3))
        with pytest.raises(InputError, match=message):
            node_table(atoms, none, none, np.array([0]), 3.0)
