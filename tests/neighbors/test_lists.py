"""Neighbour lists: their contents, their order and their truncation."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from neighbor_systems import EVERYTHING, apart, rows, same, system, systems
from oracles import brute_force_neighbors
from references import DATA

from dpa2.errors import TooManyNeighbors
from dpa2.neighbors import Neighbors, Selection, counts_within, narrowed, neighbor_list
from dpa2.structures.lattice import wrapped
from dpa2.structures.system import System


@settings(max_examples=300, deadline=None)
@given(systems(), st.sampled_from([2.0, 3.0, 4.0, 4.7]))
def test_list_is_that_of_the_specification_for_all_cells(case, cutoff):
    apart(case, cutoff)
    assert same(neighbor_list(case, cutoff, EVERYTHING), brute_force_neighbors(case, cutoff, EVERYTHING))


pairs = st.sets(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=3)


@settings(max_examples=200, deadline=None)
@given(systems(), st.sampled_from([3.0, 4.7]), st.integers(1, 30), pairs)
def test_truncation_and_then_exclusion_are_those_of_the_specification(case, cutoff, max_neighbors, excluded):
    apart(case, cutoff)
    options = {"excluded_pairs": tuple(excluded), "neighbors": "truncate"}
    expected = brute_force_neighbors(case, cutoff, max_neighbors, excluded)
    assert same(neighbor_list(case, cutoff, max_neighbors, **options), expected)
    every, selection = neighbor_list(case, cutoff, EVERYTHING), Selection(cutoff, max_neighbors, **options)
    assert same(narrowed(every, case.types, selection), expected)


@settings(max_examples=100, deadline=None)
@given(systems(), st.permutations(range(7)))
def test_order_of_atoms_does_not_change_who_is_near_whom(case, permutation):
    apart(case, 4.0)
    order = np.array([p for p in permutation if p < len(case.types)])
    turned = System(case.coordinates[order], case.types[order], case.cell)
    before, after = neighbor_list(case, 4.0, EVERYTHING), neighbor_list(turned, 4.0, EVERYTHING)
    assert np.array_equal(after.distance, before.distance[order])
    assert [sorted(order[row]) for row in rows(after)] == [sorted(rows(before)[i]) for i in order]


def test_empty_slots_hold_nothing():
    found = neighbor_list(system([[0, 0, 0], [1, 0, 0], [2, 0, 0], [90, 0, 0]]), 1.0, 5)
    assert found.index.tolist() == [[1, -1], [0, 2], [1, -1], [-1, -1]]
    assert found.extended.tolist() == found.index.tolist()
    assert found.counts.tolist() == [1, 2, 1, 0]
    empty = found.index < 0
    assert np.isinf(found.distance[empty]).all()
    assert not found.vector[empty].any()
    assert not found.shift[empty].any()


def test_lists_have_the_dtypes_that_they_promise():
    found = neighbor_list(system([[0, 0, 0], [1, 0, 0]], np.eye(3) * 3), 4.0, EVERYTHING)
    kinds = {f.name: getattr(found, f.name).dtype.name for f in dataclasses.fields(Neighbors)}
    assert kinds == {
        "index": "int64",
        "vector": "float64",
        "distance": "float64",
        "shift": "int32",
        "extended": "int64",
        "counts": "int64",
        "total": "int64",
    }


def test_a_lone_atom_has_no_neighbors_in_a_vacuum():
    found = neighbor_list(system([[1e3, -2, 5]]), 6.0, 10)
    assert found.index.shape == (1, 0)
    assert found.vector.shape == (1, 0, 3)
    assert found.counts.tolist() == [0]


def test_an_atom_sees_its_own_images():
    found = neighbor_list(system([[0.3, 0.2, 0.1]], np.eye(3) * 2.0), 2.0, 10)
    assert found.index.tolist() == [[0] * 6]
    assert sorted(map(tuple, np.abs(found.shift[0]).tolist())) == 2 * [(0, 0, 1)] + 2 * [(0, 1, 0)] + 2 * [(1, 0, 0)]


def test_a_neighbor_at_exactly_the_cutoff_counts():
    cluster = system([[0, 0, 0], [3, 4, 0]])
    assert neighbor_list(cluster, 5.0, 9).counts.tolist() == [1, 1]
    assert neighbor_list(cluster, np.nextafter(5.0, 0.0), 9).counts.tolist() == [0, 0]
    crystal = system([[0, 0, 0]], np.eye(3) * 2.5)
    assert neighbor_list(crystal, 2.5, 9).counts.tolist() == [6]


def test_equal_distances_are_ordered_by_image_and_then_by_atom():
    cross = system([[0, 0, 0], [0, 1, 0], [1, 0, 0], [0, -1, 0], [-1, 0, 0]])
    assert neighbor_list(cross, 1.0, 9).index[0].tolist() == [1, 2, 3, 4]
    crystal = neighbor_list(system([[0, 0, 0]], np.eye(3) * 2.0), 2.0, 9)
    assert crystal.extended[0].tolist() == [1, 2, 3, 4, 5, 6]
    assert crystal.shift[0].tolist() == [[-1, 0, 0], [0, -1, 0], [0, 0, -1], [0, 0, 1], [0, 1, 0], [1, 0, 0]]


def test_truncation_between_equal_distances_keeps_the_lowest_numbers():
    cross = system([[0, 0, 0], [0, 1, 0], [1, 0, 0], [0, -1, 0], [-1, 0, 0]])
    assert neighbor_list(cross, 1.0, 2, neighbors="truncate").index[0].tolist() == [1, 2]


def test_virtual_atoms_are_nobodys_neighbors_and_may_coincide():
    found = neighbor_list(system([[0, 0, 0], [0, 0, 0], [0, 0, 0], [1, 0, 0]], None, [0, -1, -1, 1]), 3.0, 9)
    assert rows(found) == [[3], [], [], [0]]


def test_a_system_of_virtual_atoms_has_empty_lists():
    found = neighbor_list(system([[0, 0, 0], [0, 0, 0]], np.eye(3) * 5, [-1, -1]), 3.0, 9)
    assert found.index.shape == (2, 0)


def test_exclusion_does_not_fill_up_what_truncation_dropped():
    line = system([[0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0]], None, [0, 1, 0, 0])
    options = {"excluded_pairs": [(1, 0)], "neighbors": "truncate"}
    assert rows(neighbor_list(line, 9.0, 2, **options))[0] == [2]
    assert rows(neighbor_list(line, 9.0, 3, **options))[0] == [2, 3]
    assert rows(neighbor_list(line, 9.0, 3, **options))[1] == []


def test_too_many_is_judged_before_exclusion():
    line = system([[0, 0, 0], [1, 0, 0], [2, 0, 0]], None, [0, 1, 1])
    with pytest.raises(TooManyNeighbors):
        neighbor_list(line, 9.0, 1, excluded_pairs=[(0, 1), (1, 1)])


def test_an_atom_on_the_far_face_is_put_on_the_near_one():
    found = neighbor_list(system([[-1e-17, 0, 0], [1, 0, 0]], np.eye(3) * 9.0), 2.0, 9)
    assert rows(found) == [[1], [0]]
    assert not found.shift.any()


@pytest.mark.parametrize("far", [1e2, 1e5])
def test_coordinates_far_outside_the_cell_change_nothing_but_rounding(far):
    rng = np.random.default_rng(1)
    cell = np.array([[5.0, 0, 0], [1, 6, 0], [-1, 2, 7]])
    inside = wrapped(rng.uniform(0, 6, (5, 3)), cell)
    outside = inside + np.rint(far * rng.normal(size=(5, 3))) @ cell
    near, distant = (neighbor_list(system(r, cell), 4.9, EVERYTHING) for r in (inside, outside))
    assert np.array_equal(near.extended, distant.extended)
    assert np.allclose(near.vector, distant.vector, rtol=0, atol=1e-14 * far)  # one rounding of the coordinates


@pytest.mark.parametrize(
    ("case", "limits", "frame"),
    [("base", (40, 18, 20), 2), ("sel_binding", (17, 6, 8), 2), ("exclude", (40, 18, 20), 1)],
)
def test_lists_are_those_of_the_reference_traces(case, limits, frame):
    inputs = np.load(DATA / "cases" / f"{case}.npz")
    trace = np.load(DATA / "cases" / "traces" / f"{case}.frame{frame}.npz")
    given_system = system(inputs[f"{frame}/coords"], inputs.get(f"{frame}/box"), inputs[f"{frame}/types"])
    found = neighbor_list(given_system, 5.0, limits[0], neighbors="truncate")
    for block, cutoff, max_neighbors in zip(("ri", "tb", "rf"), (5.0, 3.6, 3.8), limits, strict=True):
        width = trace[f"nlist/{block}"].shape[1]
        used = np.arange(width) < counts_within(found, cutoff, max_neighbors)[:, None]
        expected = [trace[f"nlist/{block}{suffix}"] for suffix in ("", "_local", "_vector")]
        assert np.array_equal(used, expected[0] >= 0)
        short = used[:, : found.index.shape[1]]
        assert np.array_equal(found.extended[:, :width][short[:, :width]], expected[0][used])
        assert np.array_equal(found.index[:, :width][short[:, :width]], expected[1][used])
        vectors = found.vector[:, :width][short[:, :width]]
        assert np.allclose(vectors, expected[2][used], rtol=0, atol=1e-14)  # wrapping rounds differently


def test_blocks_see_the_leading_slots_within_their_cutoff():
    line = neighbor_list(system([[0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0]]), 3.0, 9)
    assert counts_within(line, 2.0, 9).tolist() == [2, 3, 3, 2]
    assert counts_within(line, 2.0, 2).tolist() == [2, 2, 2, 2]
