"""Which entries of an intermediate mean something: those whose slots hold a neighbour (specification section 19)."""

from __future__ import annotations

import re

import numpy as np

LISTS = {  # names of intermediates with slots: whose slots, and how many axes of slots follow that of the atoms
    r"nlist/ri(_local|_vector)?$|repinit/diff$": ("nlist/ri", 1),
    r"nlist/tb(_local|_vector)?$": ("nlist/tb", 1),
    r"nlist/rf(_local|_vector)?$": ("nlist/rf", 1),
    r"repinit/(sw|env_mat|gg|gg_s|gg_t)$": ("nlist/ri", 1),
    r"three_body/(sw|env_mat)$": ("nlist/tb", 1),
    r"three_body/(kappa|gg)$": ("nlist/tb", 2),
    r"repformer/(sw|env_mat|g2_0|h2_0)$": ("repformer", 1),
    r"repformer/layer\d+/(g1_nei|g2_mlp|g2_g1g1|g2_attn|h2_attn|g2|h2|attn1_logits|attn1_weights)$": ("repformer", 1),
    r"repformer/layer\d+/(attn2_logits|attn2_map)$": ("repformer", 2),
}


def axes(name: str) -> tuple[str | None, int]:
    """Whose slots an intermediate has, and the number of its axes of slots."""
    return next((found for pattern, found in LISTS.items() if re.match(pattern, name)), (None, 0))


def occupied_slots(trace: dict, types: np.ndarray, excluded_pairs) -> dict[str, np.ndarray]:
    """Which slots of each list hold a neighbour (atom, slot); in the repformer, not excluded ones (section 2.5)."""
    used = {name: trace[name] >= 0 for name in ("nlist/ri", "nlist/tb", "nlist/rf") if name in trace}
    own, near = types[:, None], types[trace["nlist/rf_local"]]
    used["repformer"] = used["nlist/rf"]
    for a, b in excluded_pairs:
        excluded = ((own == a) & (near == b)) | ((own == b) & (near == a))
        used["repformer"] = used["repformer"] & ~excluded
    return used


def meaningful(name: str, shape: tuple[int, ...], slots: dict[str, np.ndarray]) -> np.ndarray:
    """Where an intermediate of some shape means something; `slots` as `occupied_slots` gives them."""
    which, count = axes(name)
    if which is None:
        return np.ones(shape, bool)
    used = slots[which]
    used = used if count == 1 else used[:, :, None] & used[:, None, :]
    return np.broadcast_to(used.reshape(used.shape + (1,) * (len(shape) - used.ndim)), shape)
