"""The closest pair of atoms of a frame, by which frames are left out of a training (`min_pair_dist`)."""

from __future__ import annotations

import numpy as np

from ...neighbors.images import Images, placed
from ...neighbors.search import measured, search
from ...structures.system import System


def too_close(system: System, limit: float) -> bool:
    """Return whether two atoms of a checked structure are closer than a limit in Å; 0 is no limit."""
    return limit > 0 and closest_pair(system, limit) < limit


def closest_pair(system: System, radius: float) -> float:
    """Return the distance in Å of the closest atoms of a checked structure, infinite if none are within `radius` Å.

    Images count, virtual atoms do not; atoms at one place are no error here.

    >>> from dpa2.structures.system import checked
    >>> closest_pair(checked(System([[0, 0, 0], [0, 0, 1.5]], ["H", "H"]), ("H",)), 4.0)
    1.5
    """
    positions, _ = placed(system)
    pairs = search(positions, system, radius)
    return float(measured(pairs, positions, Images.within(radius, system), radius).distance.min(initial=np.inf))
