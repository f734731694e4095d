"""Neighbour lists: what they hold, how they are ordered, where they are cut, and what is refused."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from oracles import brute_force_neighbors, extended_atoms

from dpa2.errors import InputError, TooManyNeighbors
from dpa2.neighbors import (
    Neighbors,
    SkinList,
    check_limits,
    counts_within,
    from_list,
    neighbor_list,
)
from dpa2.structures.system import System, checked, wrapped

CASES = Path(__file__).parent / "data" / "cases"
EVERYTHING = 10**6  # a limit that never binds


def system(coordinates, cell=None, types=None, name="") -> System:
    types = [0] * len(coordinates) if types is None else types
    return checked(System(np.asarray(coordinates, dtype=float), types, cell, name=name), ("O", "H", "C"))


def same(one: Neighbors, other: Neighbors, leave_out=()) -> bool:
    """To the last bit, in every field."""
    names = [f.name for f in dataclasses.fields(Neighbors) if f.name not in leave_out]
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


def rows(found: Neighbors) -> list[list[int]]:
    return [[int(j) for j in row if j >= 0] for row in found.index]


# Strategies: cells of every kind, and coordinates that are partly on a coarse grid, so that distances tie.

edges = st.floats(1.5, 7.0) | st.sampled_from([2.0, 3.0, 4.0])
skews = st.just(0.0) | st.floats(-2.5, 2.5)
places = st.sampled_from([0.0, 0.5, 1.0, 1.5, -2.5, 12.0]) | st.floats(-30.0, 30.0)


@st.composite
def cells(draw):
    a, b, c = draw(edges), draw(edges), draw(edges)
    cell = np.array([[a, 0, 0], [draw(skews), b, 0], [draw(skews), draw(skews), c]])
    cell = cell[draw(st.permutations([0, 1, 2]))]  # odd permutations are left-handed
    return cell @ draw(st.sampled_from(ROTATIONS))


ROTATIONS = [np.eye(3), np.linalg.qr(np.array([[1.0, 2, 3], [-2, 1, 0.5], [0.3, -1, 2]]))[0]]


ANY_CELL = cells() | st.none()


@st.composite
def systems(draw, cell=ANY_CELL):
    n = draw(st.integers(1, 7))
    types = draw(st.lists(st.sampled_from([-1, 0, 0, 1, 1, 2]), min_size=n, max_size=n))
    coordinates = draw(st.lists(st.tuples(places, places, places), min_size=n, max_size=n))
    return system(coordinates, draw(cell), types)


def apart(case: System, cutoff: float) -> System:
    """Leave out examples with two real atoms at one place, which are refused."""
    found = brute_force_neighbors(case, cutoff, EVERYTHING)
    assume(not (found.distance == 0.0).any())
    return case


@settings(max_examples=300, deadline=None)
@given(systems(), st.sampled_from([2.0, 3.0, 4.0, 4.7]))
def test_list_is_that_of_the_specification_for_all_cells(case, cutoff):
    apart(case, cutoff)
    assert same(neighbor_list(case, cutoff, EVERYTHING), brute_force_neighbors(case, cutoff, EVERYTHING))


pairs = st.sets(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=3)


@settings(max_examples=200, deadline=None)
@given(systems(), st.sampled_from([3.0, 4.7]), st.integers(1, 30), pairs)
def test_truncation_and_then_exclusion_are_those_of_the_specification(case, cutoff, limit, excluded):
    apart(case, cutoff)
    options = {"excluded_pairs": tuple(excluded), "neighbors": "truncate"}
    expected = brute_force_neighbors(case, cutoff, limit, excluded)
    assert same(neighbor_list(case, cutoff, limit, **options), expected)


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
    inputs = np.load(CASES / f"{case}.npz")
    trace = np.load(CASES / "traces" / f"{case}.frame{frame}.npz")
    given_system = system(inputs[f"{frame}/coords"], inputs.get(f"{frame}/box"), inputs[f"{frame}/types"])
    found = neighbor_list(given_system, 5.0, limits[0], neighbors="truncate")
    for block, cutoff, limit in zip(("ri", "tb", "rf"), (5.0, 3.6, 3.8), limits, strict=True):
        width = trace[f"nlist/{block}"].shape[1]
        used = np.arange(width) < counts_within(found, cutoff, limit)[:, None]
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


# Refusals


def test_too_many_neighbors_names_the_atom_and_the_way_out():
    star = system([[0, 0, 0], [1, 0, 0], [-1, 0, 0], [0, 2, 0]], None, [0, 1, 1, 1], name="star")
    with pytest.raises(TooManyNeighbors, match=r"atom 0 \(O\) of star has 3 neighbours.*truncate") as caught:
        neighbor_list(star, 2.0, 2, type_map=("O", "H"))
    facts = {"atom": 0, "type": 0, "system": "star", "count": 3, "limit": 2, "cutoff": 2.0, "block": "repinit"}
    assert caught.value.facts == facts


def test_a_limit_that_just_fits_is_accepted():
    assert neighbor_list(system([[0, 0, 0], [1, 0, 0], [-1, 0, 0]]), 1.5, 2).counts.tolist() == [2, 1, 1]


def test_limits_of_the_other_blocks_are_checked_one_by_one():
    star = system([[0, 0, 0], [1, 0, 0], [-1, 0, 0], [0, 2, 0]])
    found = neighbor_list(star, 2.0, 9)
    check_limits(found, [("repformer", 1.5, 2), ("three_body", 2.0, 3)], star)
    with pytest.raises(TooManyNeighbors, match="three_body holds 2") as caught:
        check_limits(found, [("repformer", 1.5, 2), ("three_body", 2.0, 2)], star)
    assert (caught.value.block, caught.value.count, caught.value.atom) == ("three_body", 3, 0)


def test_two_atoms_at_one_place_are_refused_by_name():
    with pytest.raises(InputError, match=r"atoms 1 and 3 .*same place") as caught:
        neighbor_list(system([[0, 0, 0], [1, 1, 1], [2, 0, 0], [1, 1, 1]]), 3.0, 9)
    assert (caught.value.atom, caught.value.other) == (1, 3)


def test_an_atom_at_the_place_of_anothers_image_is_refused():
    with pytest.raises(InputError, match=r"atoms 0 and 1 .*same place"):
        neighbor_list(system([[1, 1, 1], [5, 1, -3]], np.eye(3) * 4), 3.0, 9)


def test_an_unknown_mode_is_refused():
    with pytest.raises(InputError, match="'lenient' is neither 'strict' nor 'truncate'"):
        neighbor_list(system([[0, 0, 0]]), 3.0, 9, neighbors="lenient")


def test_a_cell_too_thin_for_the_cutoff_is_refused():
    with pytest.raises(InputError, match="thin") as caught:
        neighbor_list(system([[0, 0, 0]], np.eye(3) * 0.01), 6.0, 9)
    assert caught.value.argument == "cell"


# Much vacuum: the search library's grid must not degenerate


@pytest.mark.parametrize(
    "far", [[1e4, 1e4, 0], [1e6, 0, 0], [0, 0, 1e6], [0, 1e7, 1e7], [1e8, 1e8, 1], [1e12, 1e5, 1], [1e12, 1e12, 0]]
)
def test_atoms_very_far_apart_are_no_neighbors(far):
    assert rows(neighbor_list(system([[0, 0, 0], [1, 0, 0], far]), 5.0, 9)) == [[1], [0], []]


@pytest.mark.parametrize(
    "lengths", [[1e4, 1e4, 4], [1e6, 4, 4], [4, 1e6, 4], [4, 4, 1e6], [3e3, 2, 3e3], [1e5, 1e5, 1e5]]
)
def test_flat_and_long_cells_are_searched(lengths):
    case = system([[0, 0, 0], [1, 0.5, 0], [0, 0, 2]], np.diag(lengths))
    assert same(neighbor_list(case, 5.0, EVERYTHING), brute_force_neighbors(case, 5.0, EVERYTHING))


@settings(max_examples=60, deadline=None)
@given(systems(st.none()), st.lists(st.sampled_from([0.0, 1.0, 1e3, 1e6]), min_size=3, max_size=3))
def test_clusters_with_much_vacuum_are_those_of_the_specification(case, far):
    moved = case.coordinates + np.array(far) * (np.arange(len(case.types)) // 3)[:, None]
    case = apart(dataclasses.replace(case, coordinates=moved), 4.0)
    assert same(neighbor_list(case, 4.0, EVERYTHING), brute_force_neighbors(case, 4.0, EVERYTHING))


@settings(max_examples=60, deadline=None)
@given(systems(cells()), st.lists(st.sampled_from([1.0, 30.0, 1e3, 1e5]), min_size=3, max_size=3))
def test_cells_with_much_vacuum_are_those_of_the_specification(case, longer):
    case = apart(dataclasses.replace(case, cell=case.cell * np.array(longer)[:, None]), 4.0)
    assert same(neighbor_list(case, 4.0, EVERYTHING), brute_force_neighbors(case, 4.0, EVERYTHING))


def test_a_large_box_that_is_full_of_atoms_equals_its_small_copy():
    rng = np.random.default_rng(3)
    cell, n = np.array([[3.0, 0, 0], [0.5, 4, 0], [0, 1, 5]]), 60
    small = rng.uniform(0, 1, (4, 3)) @ cell
    large = (small + np.arange(n)[:, None, None] * cell[0]).reshape(-1, 3)
    one = neighbor_list(system(small, cell), 4.0, EVERYTHING)
    many = neighbor_list(system(large, cell * [[n], [1], [1]]), 4.0, EVERYTHING)
    assert np.allclose(many.distance, np.tile(one.distance, (n, 1)), rtol=0, atol=1e-12)


# Importing the search library


def run(program: str) -> str:
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


SEARCH = """
import sys
from dpa2.neighbors import neighbor_list
from dpa2.structures.system import System, checked
neighbor_list(checked(System([[0, 0, 0], [1, 0, 0]], [0, 0]), ("H",)), 2.0, 5)
"""


def test_a_search_does_not_import_array_libraries():
    assert run(SEARCH + "print([m for m in ('torch', 'cupy', 'jax', 'vesin') if m in sys.modules])") == "[]"


def test_array_libraries_can_be_imported_after_a_search():
    pytest.importorskip("torch")
    program = SEARCH + "import torch, vesin\nprint(torch.ones(2).sum().item(), vesin._neighbors.HAS_TORCH)"
    assert run(program) == "2.0 True"


# A list that is kept while atoms move


@settings(max_examples=60, deadline=None)
@given(systems(), st.integers(0, 2**31), st.sampled_from([0.0, 0.3, 1.0]), st.booleans())
def test_kept_list_equals_a_fresh_search_along_random_walks(case, seed, skin, rewrap):
    rng = np.random.default_rng(seed)
    kept = SkinList(3.0, 20, skin, excluded_pairs=[(0, 1)], neighbors="truncate")
    coordinates = case.coordinates + rng.normal(size=case.coordinates.shape)
    for _ in range(12):
        now = System(wrapped(coordinates, case.cell) if rewrap else coordinates, case.types, case.cell)
        fresh = neighbor_list(now, 3.0, 20, excluded_pairs=[(0, 1)], neighbors="truncate")
        assert same(kept.update(now), fresh)
        coordinates = coordinates + 0.1 * rng.normal(size=coordinates.shape)


def count_searches(monkeypatch) -> list:
    """A list that grows with every search for pairs."""
    module, calls = sys.modules["dpa2.neighbors.search"], []
    search = module.vesin_pairs
    monkeypatch.setattr(module, "vesin_pairs", lambda *arguments: calls.append(1) or search(*arguments))
    return calls


def test_small_steps_do_not_search_again_even_across_a_face(monkeypatch):
    calls = count_searches(monkeypatch)
    kept, cell = SkinList(3.0, EVERYTHING, 1.0), np.array([[5.0, 0, 0], [1, 6, 0], [0, 1, 7]])
    start = np.array([[0.1, 0.1, 0.1], [2.0, 1.0, 0.5], [4.9, 3.0, 2.0]])
    for step in np.linspace(0, 0.4, 9):
        case = system(start - [step, 0, 0], cell)
        assert same(kept.update(case), neighbor_list(case, 3.0, EVERYTHING))
    assert len(calls) == 1 + 9  # one of its own, nine of the fresh lists


def test_only_a_long_move_another_cell_or_other_types_search_again(monkeypatch):
    calls = count_searches(monkeypatch)
    kept, start, cell = SkinList(3.0, EVERYTHING, 1.0), np.array([[0.0, 0, 0], [1, 0, 0]]), np.eye(3) * 9
    near, far = start + np.array([0.5, 0, 0]), start + np.array([0.5001, 0, 0])
    steps = [
        (system(start, cell), 1),
        (system(near, cell), 1),
        (system(far, cell), 2),
        (system(far, cell * 1.01), 3),
        (system(far, cell * 1.01, [0, 1]), 4),
        (system(far, None, [0, 1]), 5),
        (system([[0, 0, 0]], None), 6),
    ]
    for case, searches in steps:
        kept.update(case)
        assert len(calls) == searches


def test_kept_list_refuses_what_a_search_refuses():
    kept = SkinList(3.0, 1, 1.0)
    kept.update(system([[0, 0, 0], [1, 0, 0], [4.2, 0, 0]]))
    with pytest.raises(TooManyNeighbors):
        kept.update(system([[0, 0, 0], [1, 0, 0], [3.9, 0, 0]]))
    with pytest.raises(InputError, match="same place"):
        kept.update(system([[0, 0, 0], [0, 0, 0], [9, 0, 0]]))


# Lists from outside


def outside(case: System, cutoff: float, wider: float, rng):
    """What another program would hand over: images, and a wide list in no order."""
    local = wrapped(case.coordinates, case.cell)
    n = len(local)
    shifts, extended = extended_atoms(local, case.cell, cutoff)
    mapping = np.tile(np.arange(n), len(shifts))
    distance = np.linalg.norm(extended[None] - local[:, None], axis=-1)
    near = (distance <= cutoff + wider) & (np.arange(len(extended)) != np.arange(n)[:, None])
    nlist = np.full((n, near.sum(axis=1).max() + 2), -1)
    for i in range(n):
        found = rng.permutation(np.flatnonzero(near[i]))
        nlist[i, rng.permutation(nlist.shape[1])[: len(found)]] = found
    return extended, case.types[mapping], nlist, mapping, n


@settings(max_examples=100, deadline=None)
@given(systems(), st.integers(0, 2**31), st.sampled_from([0.0, 1.0]), st.integers(1, 40))
def test_list_from_outside_equals_the_search(case, seed, wider, limit):
    apart(case, 3.0)
    arguments = outside(case, 3.0, wider, np.random.default_rng(seed))
    options = {"excluded_pairs": [(0, 1)], "neighbors": "truncate"}
    given_list, own = from_list(*arguments, 3.0, limit, **options), neighbor_list(case, 3.0, limit, **options)
    assert same(given_list, own, leave_out=["shift"])
    assert given_list.shift is None


DIMER = {
    "coordinates_ext": [[0, 0, 0], [0, 0, 1], [0, 0, 4]],
    "types_ext": [0, 1, 0],
    "nlist": [[1, -1], [2, 0]],
    "mapping": [0, 1, 0],
    "n_local": 2,
    "cutoff": 3.0,
    "limit": 9,
}


def test_list_from_outside_maps_images_to_atoms():
    found = from_list(**DIMER)
    assert found.index.tolist() == [[1, -1], [0, 0]]
    assert found.extended.tolist() == [[1, -1], [0, 2]]
    assert found.distance.tolist() == [[1.0, np.inf], [1.0, 3.0]]


def test_list_from_outside_is_truncated_only_on_request():
    with pytest.raises(TooManyNeighbors, match=r"atom 1 \(type 1\) of dimer"):
        from_list(**{**DIMER, "limit": 1}, name="dimer")
    assert from_list(**{**DIMER, "limit": 1}, neighbors="truncate").index.tolist() == [[1], [0]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"coordinates_ext": [[0, 0], [0, 1], [0, 4]]}, "coordinates_ext.*shape"),
        ({"coordinates_ext": [[0, 0, 0], [0, 0, np.nan], [0, 0, 4]]}, "coordinates_ext.*finite"),
        ({"n_local": 4}, "coordinates_ext.*shape"),
        ({"types_ext": [0, 1]}, "types_ext.*shape"),
        ({"types_ext": [0.0, 1.0, 0.0]}, "types_ext.*integers"),
        ({"types_ext": [0, 1, 1]}, "mapping.*type"),
        ({"mapping": [0, 1, 2]}, "mapping.*below 2"),
        ({"mapping": [0, 1, -1]}, "mapping"),
        ({"mapping": [1, 0, 0]}, "mapping"),
        ({"nlist": [[1, -1]]}, "nlist.*shape"),
        ({"nlist": [[1, -1], [3, 0]]}, "nlist.*below 3"),
        ({"nlist": [[1, 1], [2, 0]]}, "nlist.*twice"),
        ({"nlist": [[0, -1], [2, 0]]}, "same place"),
    ],
)
def test_list_from_outside_that_does_not_fit_is_refused(change, message):
    with pytest.raises(InputError, match=message):
        from_list(**{**DIMER, **change})
