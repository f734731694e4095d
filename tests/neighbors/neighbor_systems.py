"""Structures for the tests of neighbour lists: cells of every kind, and coordinates whose distances tie."""

from __future__ import annotations

import dataclasses

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from oracles import brute_force_neighbors

from dpa2.neighbors import Neighbors
from dpa2.neighbors.lists import CLOSEST
from dpa2.structures.system import System, checked

EVERYTHING = 10**6  # a max_neighbors that no atom reaches


def system(coordinates, cell=None, types=None, name="") -> System:
    types = [0] * len(coordinates) if types is None else types
    return checked(System(np.asarray(coordinates, dtype=float), types, cell, name=name), ("O", "H", "C"))


def same(one: Neighbors, other: Neighbors, leave_out=()) -> bool:
    """To the last bit, in every field."""
    names = [f.name for f in dataclasses.fields(Neighbors) if f.name not in leave_out]
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


def rows(found: Neighbors) -> list[list[int]]:
    return [[int(j) for j in row if j >= 0] for row in found.index]


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
    """Leave out examples with two real atoms at one place, or almost so, which are refused."""
    found = brute_force_neighbors(case, cutoff, EVERYTHING)
    assume(not (found.distance < 2 * CLOSEST).any())
    return case
