"""The search where the positions are finds the pairs of the search on the host, on all libraries, compiled or not."""

from __future__ import annotations

import dataclasses
from functools import cache, partial

import array_api_strict
import numpy as np
import pytest
from budgets import budget
from hypothesis import assume, example, given
from hypothesis import strategies as st
from neighbor_systems import EVERYTHING, apart, cells, places
from stand_in import StandIn

from dpa2.backends import backend
from dpa2.errors import InputError
from dpa2.neighbors import CellList, neighbor_list
from dpa2.neighbors.cells import Capacity, pairs
from dpa2.neighbors.grid import Grid
from dpa2.neighbors.images import placed
from dpa2.structures.system import System, checked

CUTOFF = 4.0
PERIODIC = list(np.ndindex(2, 2, 2))
EAGER = ("numpy", "strict", "torch")  # JAX takes seconds for each shape


def arrays(library: str):
    """A function that makes arrays of a library, on a device that NumPy cannot read where there is one."""
    if library == "strict":
        return partial(array_api_strict.asarray, device=StandIn.cuda.Device(0))
    pytest.importorskip(library)
    return backend(library).asarray


def host(x) -> np.ndarray:
    return StandIn.asnumpy(x) if type(x).__module__.startswith("array_api_strict") else np.asarray(x)


def listed(found, atoms: int) -> list[tuple]:
    """The pairs of a search as (centre, neighbour, three integers), without empty entries, which are the last ones."""
    used = host(found.center) < atoms
    assert used.sum() == int(found.count)
    assert not used[int(found.count) :].any()
    columns = host(found.center), host(found.neighbor), *host(found.shift).T
    return list(zip(*(column[used].tolist() for column in columns), strict=True))


def expected(case: System, cutoff: float = CUTOFF) -> list[tuple]:
    """The same of the search on the host, for coordinates that were moved into the cell."""
    found = neighbor_list(case, cutoff, EVERYTHING)
    center, slot = np.nonzero(found.index >= 0)
    columns = center, found.index[center, slot], *found.shift[center, slot].T
    return list(zip(*(column.tolist() for column in columns), strict=True))


def search(library: str, positions, case: System, cutoff: float = CUTOFF):
    asarray = arrays(library)
    return CellList(cutoff, case.pbc).update(asarray(positions), None if case.cell is None else asarray(case.cell))


def vectors(pairs, positions, cell) -> np.ndarray:
    """Centre, neighbour and vector of each pair, sorted."""
    center, neighbor, *shift = np.array(pairs, dtype=int).reshape(-1, 5).T
    vector = positions[neighbor] + np.array(shift).T @ (np.zeros((3, 3)) if cell is None else cell) - positions[center]
    rows = np.column_stack([center, neighbor, vector.round(6) + 0.0])
    return rows[np.lexsort(rows.T)]


@st.composite
def structures(draw):
    """Few atoms in cells that are smaller and larger than the cutoff, or without one, periodic along any axes."""
    coordinates = draw(st.lists(st.tuples(places, places, places), min_size=1, max_size=9))
    pbc = draw(st.sampled_from(PERIODIC))
    longer = np.array(draw(st.lists(st.sampled_from([1.0, 0.4, 3.0, 10.0]), min_size=3, max_size=3)))
    cell = None if not any(pbc) else draw(cells()) * longer[:, None]
    return apart(checked(System(coordinates, [0] * len(coordinates), cell, pbc=pbc), ("O",)), CUTOFF)


def without_ties(case: System) -> System:
    """Leave out examples with a pair that is in or out by rounding."""
    distance = neighbor_list(case, CUTOFF + 0.1, EVERYTHING).distance
    assume(not (abs(distance - CUTOFF) < 1e-9).any())
    return case


ONE_IN_A_TINY_CELL = checked(System([[0.0, 0.0, 0.0]], [0], 1.5 * np.eye(3)), ("O",))
AT_THE_CUTOFF = checked(System([[0.0, 0.0, 0.0], [0.0, 0.0, 4.0]], [0, 0], 20.0 * np.eye(3)), ("O",))
FAR_APART = checked(System([[0.0, 0, 0], [1, 0, 0], [1e12, 1e5, 1]], [0] * 3), ("O",))


@pytest.mark.parametrize("library", EAGER)
@budget(40)
@given(structures())
@example(ONE_IN_A_TINY_CELL)
@example(AT_THE_CUTOFF)
@example(FAR_APART)
def test_pairs_in_the_cell_are_those_of_the_host_and_no_others(library, case):
    found = search(library, placed(case)[0], case)
    assert sorted(listed(found, len(case.types))) == sorted(expected(case))


@budget(60)
@given(structures())
def test_pairs_are_the_same_wherever_atoms_are_in_their_cells(case):
    inside = expected(without_ties(case))
    found = listed(search("numpy", case.coordinates, case), len(case.types))
    assert np.array_equal(
        vectors(found, case.coordinates, case.cell), vectors(inside, placed(case)[0], case.cell), equal_nan=True
    )


def water(side: int, spread: float, pbc=(1, 1, 1)) -> System:
    """Some hundred atoms: many bins along each axis."""
    rng = np.random.default_rng(7)
    grid = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), axis=-1).reshape(-1, 3) / side
    cell = np.array([[2.5 * side, 0, 0], [0.4 * side, 2.7 * side, 0], [-0.5 * side, 0.3 * side, 2.2 * side]])
    coordinates = grid @ cell + spread * rng.uniform(-0.4, 0.4, grid.shape)
    return checked(System(coordinates, [0] * len(grid), cell, pbc=pbc), ("O",))


@pytest.mark.parametrize("library", EAGER)
@pytest.mark.parametrize("pbc", [(1, 1, 1), (1, 0, 1), (0, 0, 1), (0, 0, 0)])
def test_many_bins_lose_no_pair_and_have_none_twice(library, pbc):
    case = water(7, 1.0, pbc)
    found = listed(search(library, placed(case)[0], case), len(case.types))
    assert sorted(found) == sorted(expected(case))
    assert [pair[0] for pair in found] == sorted(pair[0] for pair in found)


@cache
def compiled():
    jax = pytest.importorskip("jax")
    return jax.jit(pairs, static_argnames=("grid", "capacity"))


@pytest.mark.parametrize(
    "case", [ONE_IN_A_TINY_CELL, water(5, 1.0), water(4, 1.0, (0, 1, 0)), water(4, 1.0, (0, 0, 0))],
    ids=["tiny", "bulk", "wire", "cluster"],
)  # fmt: skip
def test_one_program_of_jax_finds_the_pairs_and_is_compiled_once(case):
    asarray = arrays("jax")
    traces = []
    jax = pytest.importorskip("jax")

    def counted(positions, cell, grid, capacity):
        traces.append(capacity)
        return pairs(positions, cell, grid, capacity)

    nearby = CellList(CUTOFF, case.pbc, jax.jit(counted, static_argnames=("grid", "capacity")))
    positions, cell = placed(case)[0], None if case.cell is None else asarray(case.cell)
    found = nearby.update(asarray(positions), cell)
    assert sorted(listed(found, len(positions))) == sorted(expected(case))
    assert len(traces) <= 2  # the first guess of capacities may be too small
    before = len(traces)
    moved = dataclasses.replace(case, coordinates=case.coordinates + 0.01 * np.sin(case.coordinates))
    found = nearby.update(asarray(placed(moved)[0]), cell)
    assert sorted(listed(found, len(positions))) == sorted(expected(moved))
    assert len(traces) == before


COLD = water(4, 1.0)
GRID = Grid.of(CUTOFF, COLD.pbc, COLD.cell, np.zeros(3), 64)


@budget(30)
@given(st.integers(0, 2**31), st.floats(0.0, 2.0), st.floats(1.0, 1.3))
def test_a_compiled_search_serves_other_positions_and_larger_cells(seed, spread, larger):
    rng = np.random.default_rng(seed)
    coordinates = larger * COLD.coordinates + spread * rng.uniform(-1, 1, COLD.coordinates.shape)
    case = dataclasses.replace(COLD, coordinates=coordinates, cell=larger * COLD.cell)
    without_ties(apart(case, CUTOFF))  # compiled sums are rounded otherwise
    asarray = arrays("jax")
    found = compiled()(asarray(placed(case)[0]), asarray(case.cell), grid=GRID, capacity=Capacity(64, 4096))
    assert bool(found.fits)
    assert sorted(listed(found, 64)) == sorted(expected(case))


def test_a_compiled_search_brings_nothing_to_the_host_and_serves_several_systems_at_once():
    jax = pytest.importorskip("jax")
    asarray, rng = arrays("jax"), np.random.default_rng(4)
    cases = [dataclasses.replace(COLD, coordinates=COLD.coordinates + rng.normal(size=(64, 3))) for _ in range(3)]
    positions, cell = asarray(np.stack([placed(case)[0] for case in cases])), asarray(COLD.cell)
    many = jax.jit(jax.vmap(partial(pairs, grid=GRID, capacity=Capacity(64, 4096)), in_axes=(0, None)))
    with jax.transfer_guard("disallow"):
        found = many(positions, cell)
    for k, case in enumerate(cases):
        one = type(found)(*(field[k] for field in found))
        assert sorted(listed(one, 64)) == sorted(expected(case))


@pytest.mark.parametrize("library", EAGER)
def test_what_does_not_fit_is_said(library):
    asarray, case = arrays(library), COLD
    positions, cell, count = asarray(placed(case)[0]), asarray(case.cell), len(expected(case))
    enough = pairs(positions, cell, GRID, Capacity(64, count))
    assert (bool(enough.fits), int(enough.count)) == (True, count)
    fullest = int(enough.fullest)
    assert len(listed(pairs(positions, cell, GRID, Capacity(fullest, count)), 64)) == count
    assert int(pairs(positions, cell, GRID, Capacity(fullest, count - 1)).count) == count
    assert int(pairs(positions, cell, GRID, Capacity(fullest - 1, count)).fullest) == fullest
    assert not bool(pairs(0.5 * positions, 0.5 * cell, GRID, Capacity(64, count)).fits)


def test_capacities_grow_with_what_is_found_and_stay():
    nearby, sizes = CellList(CUTOFF, COLD.pbc), []
    for scale in (3.0, 1.0, 0.4, 1.0):
        case = dataclasses.replace(COLD, coordinates=scale * COLD.coordinates, cell=scale * COLD.cell)
        found = nearby.update(placed(case)[0], case.cell)
        assert sorted(listed(found, 64)) == sorted(expected(case))
        sizes.append((nearby.capacity.bin, nearby.capacity.pairs))
    assert sizes == sorted(sizes)
    assert sizes[2] == sizes[3] == (nearby.capacity.bin, len(host(found.center)))


def test_room_to_spare_lets_atoms_move_without_a_second_search():
    calls = []

    def counted(*arguments):
        calls.append(arguments)
        return pairs(*arguments)

    nearby = CellList(CUTOFF, COLD.pbc, counted)
    nearby.update(COLD.coordinates, COLD.cell)
    before = len(calls)
    nearby.update(COLD.coordinates + 0.05 * np.sin(COLD.coordinates), 0.98 * COLD.cell)
    assert len(calls) == before + 1


def test_atoms_that_fly_away_from_a_cluster_stay_in_its_grid():
    nearby = CellList(CUTOFF)
    case = water(4, 1.0, (0, 0, 0))
    nearby.update(case.coordinates)
    grid = nearby.grid
    far = case.coordinates + 1e4 * np.arange(64)[:, None] // 8
    found = nearby.update(far)
    assert nearby.grid == grid
    assert sorted(listed(found, 64)) == sorted(expected(dataclasses.replace(case, coordinates=far)))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e300])
def test_positions_that_mean_nothing_are_refused(wrong):
    with pytest.raises(InputError, match="coordinates"), np.errstate(all="ignore"):
        CellList(CUTOFF).update(np.array([[0.0, 0.0, 0.0], [0.0, 0.0, wrong]]))


def test_a_cell_too_thin_is_refused():
    with pytest.raises(InputError, match="so thin"):
        CellList(CUTOFF, (True, True, True)).update(np.zeros((1, 3)), 1e-3 * np.eye(3))


def test_single_precision_loses_no_pair_that_is_not_at_the_cutoff():
    case = water(6, 1.0)
    asarray = arrays("torch")
    found = CellList(CUTOFF, case.pbc).update(asarray(case.coordinates, "float32"), asarray(case.cell, "float32"))
    sure, possible = (expected(case, CUTOFF + change) for change in (-1e-4, 1e-4))
    inside = vectors(listed(found, len(case.types)), case.coordinates, case.cell)
    rows = {tuple(row) for row in inside}
    assert {tuple(row) for row in vectors(sure, placed(case)[0], case.cell)} <= rows
    assert rows <= {tuple(row) for row in vectors(possible, placed(case)[0], case.cell)}


def test_bins_are_as_few_as_atoms_however_large_the_cell():
    grid = Grid.of(CUTOFF, (True, False, True), np.diag([1e6, 1.0, 3.0]), np.array([0.0, 1e6, 0.0]), 50)
    assert np.prod(grid.bins) <= 50
    assert grid.reach == (1, 1, 2)
