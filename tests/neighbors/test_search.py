"""The search for candidates, also where there is much vacuum; and the import of the library behind it."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from neighbor_systems import EVERYTHING, apart, cells, rows, same, system, systems
from oracles import brute_force_neighbors

from dpa2.neighbors import neighbor_list


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
