"""Neighbour lists: one row per atom, nearest first, within a cutoff and at most max_neighbors wide."""

from .external import from_list
from .lists import Neighbors, check_max_neighbors, counts_within
from .search import neighbor_list
from .skin import SkinList

__all__ = ["Neighbors", "SkinList", "check_max_neighbors", "counts_within", "from_list", "neighbor_list"]
