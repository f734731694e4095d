"""Neighbour lists: one row per atom, nearest first, within a cutoff and at most max_neighbors wide."""

from .candidates import candidates
from .cell_list import CellList
from .external import from_list
from .lists import UNLIMITED, Neighbors, Selection, check_max_neighbors, counts_within, narrowed
from .search import neighbor_list
from .skin import SkinList

__all__ = [
    "UNLIMITED",
    "CellList",
    "Neighbors",
    "Selection",
    "SkinList",
    "candidates",
    "check_max_neighbors",
    "counts_within",
    "from_list",
    "narrowed",
    "neighbor_list",
]
