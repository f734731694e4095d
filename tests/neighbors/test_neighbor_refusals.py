"""Structures and arguments of which no neighbour list is made."""

from __future__ import annotations

import numpy as np
import pytest
from neighbor_systems import system

from dpa2.errors import InputError, TooManyNeighbors
from dpa2.neighbors import check_max_neighbors, neighbor_list


def test_too_many_neighbors_names_the_atom_and_the_way_out():
    star = system([[0, 0, 0], [1, 0, 0], [-1, 0, 0], [0, 2, 0]], None, [0, 1, 1, 1], name="star")
    with pytest.raises(TooManyNeighbors, match=r"atom 0 \(O\) of star has 3 neighbours.*truncate") as caught:
        neighbor_list(star, 2.0, 2, type_map=("O", "H"))
    facts = {"atom": 0, "type": 0, "system": "star", "count": 3, "limit": 2, "cutoff": 2.0, "block": "repinit"}
    assert caught.value.facts == facts


def test_as_many_neighbors_as_the_model_holds_are_accepted():
    assert neighbor_list(system([[0, 0, 0], [1, 0, 0], [-1, 0, 0]]), 1.5, 2).counts.tolist() == [2, 1, 1]


def test_the_other_blocks_are_checked_one_by_one():
    star = system([[0, 0, 0], [1, 0, 0], [-1, 0, 0], [0, 2, 0]])
    found = neighbor_list(star, 2.0, 9)
    check_max_neighbors(found, [("repformer", 1.5, 2), ("three_body", 2.0, 3)], star)
    with pytest.raises(TooManyNeighbors, match="three_body holds 2") as caught:
        check_max_neighbors(found, [("repformer", 1.5, 2), ("three_body", 2.0, 2)], star)
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
