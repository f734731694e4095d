"""Neighbour lists that another program made."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from neighbor_systems import apart, same, systems
from oracles import extended_atoms

from dpa2.errors import InputError, TooManyNeighbors
from dpa2.neighbors import from_list, neighbor_list
from dpa2.structures.lattice import wrapped
from dpa2.structures.system import System


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
def test_list_from_outside_equals_the_search(case, seed, wider, max_neighbors):
    apart(case, 3.0)
    arguments = outside(case, 3.0, wider, np.random.default_rng(seed))
    options = {"excluded_pairs": [(0, 1)], "neighbors": "truncate"}
    given_list, own = (
        from_list(*arguments, 3.0, max_neighbors, **options),
        neighbor_list(case, 3.0, max_neighbors, **options),
    )
    assert same(given_list, own, leave_out=["shift"])
    assert given_list.shift is None


DIMER = {
    "coordinates_ext": [[0, 0, 0], [0, 0, 1], [0, 0, 4]],
    "types_ext": [0, 1, 0],
    "nlist": [[1, -1], [2, 0]],
    "mapping": [0, 1, 0],
    "n_local": 2,
    "cutoff": 3.0,
    "max_neighbors": 9,
}


def test_list_from_outside_maps_images_to_atoms():
    found = from_list(**DIMER)
    assert found.index.tolist() == [[1, -1], [0, 0]]
    assert found.extended.tolist() == [[1, -1], [0, 2]]
    assert found.distance.tolist() == [[1.0, np.inf], [1.0, 3.0]]


def test_list_from_outside_is_truncated_only_on_request():
    with pytest.raises(TooManyNeighbors, match=r"atom 1 \(type 1\) of dimer"):
        from_list(**{**DIMER, "max_neighbors": 1}, name="dimer")
    assert from_list(**{**DIMER, "max_neighbors": 1}, neighbors="truncate").index.tolist() == [[1], [0]]


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


FULL = {**DIMER, "coordinates_ext": [[0, 0, 0], [0, 0, 1.2], [0, 0, 4], [0, 0, -2.8]], "types_ext": [0, 1, 0, 1],
        "mapping": [0, 1, 0, 1], "nlist": [[1, 3], [2, 0]]}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message", "facts"),
    [
        ({"nlist": [[1, -1], [2, 0]]}, "atom 1 lists atom 0 at 2.8 Å, which does not list", (1, 0, 2.8)),
        ({"nlist": [[1, 3], [-1, -1]]}, "atom 0 lists atom 1 at 1.2 Å, which does not list", (0, 1, 1.2)),
        ({"nlist": [[1, 3], [2, 2]]}, "twice", (1, 0, 2.8)),
        ({"nlist": [[1, 0], [2, 0]]}, "names atom 0 as a neighbour of itself", (0, 0, None)),
    ],
)
def test_a_pair_that_is_not_listed_once_from_both_sides_is_refused(change, message, facts):
    assert from_list(**FULL).counts.tolist() == [2, 2]
    with pytest.raises(InputError, match=message) as caught:
        from_list(**FULL | change)
    distance = getattr(caught.value, "distance", None)
    assert (caught.value.atom, caught.value.other) == facts[:2]
    assert distance is None if facts[2] is None else distance == pytest.approx(facts[2])


def test_an_image_that_is_handed_over_twice_is_refused():
    doubled = {
        "coordinates_ext": [*FULL["coordinates_ext"], [0, 0, 4]],
        "types_ext": [0, 1, 0, 1, 0],
        "mapping": [0, 1, 0, 1, 0],
        "nlist": [[1, 3, -1], [2, 0, 4]],
    }
    with pytest.raises(InputError, match=r"atom 1 lists atom 0 at 2.8 Å twice"):
        from_list(**FULL | doubled)


@settings(max_examples=50, deadline=None)
@given(systems(), st.integers(0, 2**31))
def test_half_a_list_is_refused_for_all_cells(case, seed):
    """Half a list has every pair from one side only, that of the lower number."""
    apart(case, 3.0)
    coordinates, types, nlist, mapping, n = outside(case, 3.0, 0.0, np.random.default_rng(seed))
    lower = np.where(nlist > np.arange(n)[:, None], nlist, -1)
    listed, real = nlist >= 0, (types[nlist] >= 0) & (types[:n, None] >= 0)
    vector = np.linalg.norm(coordinates[nlist] - coordinates[:n, None], axis=-1)
    between = listed & real & (mapping[nlist] != np.arange(n)[:, None]) & (nlist < n) & (vector < 2.999)
    if between.any():
        with pytest.raises(InputError, match="full list is needed"):
            from_list(coordinates, types, lower, mapping, n, 3.0, 10**6)


def test_half_a_list_is_refused_whatever_stands_far_away():
    """Programs park atoms that they do not use at a great distance."""
    parked = {
        "coordinates_ext": [*FULL["coordinates_ext"], [1e7, 0, 0]],
        "types_ext": [0, 1, 0, 1, 0],
        "mapping": [0, 1, 0, 1, 0],
    }
    assert from_list(**FULL | parked).counts.tolist() == [2, 2]
    with pytest.raises(InputError, match="full list is needed"):
        from_list(**FULL | parked | {"nlist": [[1, 3], [-1, -1]]})


def test_a_list_that_cannot_be_checked_is_refused():
    """At 1e9 Å, a program that computes in single precision has no digits left for distances."""
    far = np.array(FULL["coordinates_ext"]) + 1e9
    with pytest.raises(InputError, match="move the structure to the origin"):
        from_list(**FULL | {"coordinates_ext": far})
