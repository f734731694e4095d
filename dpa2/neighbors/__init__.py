"""Which atoms are near which: one list per atom, nearest first, as long as the model's cutoff and limit allow."""

from .external import from_list
from .lists import Neighbors, check_limits, counts_within
from .search import neighbor_list
from .skin import SkinList

__all__ = ["Neighbors", "SkinList", "check_limits", "counts_within", "from_list", "neighbor_list"]
