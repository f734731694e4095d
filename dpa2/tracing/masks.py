"""Masks of entries of intermediates that mean something: their slots hold a neighbour (specification section 19)."""

from __future__ import annotations

import numpy as np

from .intermediates import LISTS, slot_axes


def occupied_slots(trace: dict, types: np.ndarray, excluded_pairs) -> dict[str, np.ndarray]:
    """Return which slots of each list hold a neighbour (atom, slot); in the repformer, not excluded ones (2.5)."""
    lists = [f"nlist/{word}" for word in LISTS]
    used = {name: trace[name] >= 0 for name in lists if name in trace}
    own, near = types[:, None], types[trace["nlist/rf_local"]]
    used["repformer"] = used["nlist/rf"]
    for a, b in excluded_pairs:
        excluded = ((own == a) & (near == b)) | ((own == b) & (near == a))
        used["repformer"] = used["repformer"] & ~excluded
    return used


def meaningful(name: str, shape: tuple[int, ...], slots: dict[str, np.ndarray]) -> np.ndarray:
    """Return where an intermediate of some shape means something; `slots` as `occupied_slots` gives them."""
    lists = slot_axes(name)
    if not lists:
        return np.ones(shape, bool)
    excluding = lists[0] == "rf" and not name.startswith("nlist/")
    used = slots["repformer" if excluding else f"nlist/{lists[0]}"]
    used = used if len(lists) == 1 else used[:, :, None] & used[:, None, :]
    return np.broadcast_to(used.reshape(used.shape + (1,) * (len(shape) - used.ndim)), shape)
