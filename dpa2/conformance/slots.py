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


ORDER = (  # of computation; a name stands for all that begin with it, and # for the number of a layer
    "nlist", "type_embedding", "repinit/diff", "repinit/strip_table", "repinit/sw", "repinit/env_mat", "repinit/gg_s",
    "repinit/gg_t", "repinit/gg", "repinit/gr", "repinit/grrg", "three_body/sw", "three_body/env_mat",
    "three_body/kappa", "three_body/gg", "three_body/out", "repinit/out", "g1_shape_transform", "g1_init",
    "repformer/g1_0", "repformer/sw", "repformer/env_mat", "repformer/g2_0", "repformer/h2_0", "repformer/layer#",
    "repformer/rot_mat", "descriptor", "fitting/input", "fitting/hidden", "fitting/net_out", "atom_energy", "energy",
    "force", "virial", "atom_virial",
)  # fmt: skip
LAYER = (
    "g1_nei", "g1_self_mlp", "g1_conv", "g1_grrg", "g1_drrd", "g1_mlp", "attn1_logits", "attn1_weights", "g1_attn",
    "g2_mlp", "g2_g1g1", "attn2_logits", "attn2_map", "g2_attn", "h2_attn", "g1", "g2", "h2",
)  # fmt: skip


def depth(name: str) -> tuple[int, ...]:
    """Where in the order of computation an intermediate is, whatever else a model computes."""
    layer = re.match(r"repformer/layer(\d+)/(.+)$", name)
    if layer:
        return ORDER.index("repformer/layer#"), int(layer[1]), LAYER.index(layer[2])
    word = name if name in ORDER else name.rstrip("0123456789")
    known = word if word in ORDER else name.partition("/")[0]
    number = name.removeprefix(word)
    return ORDER.index(known) if known in ORDER else len(ORDER), int(number) if number.isdigit() else 0


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


def fitted(name: str, found: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Slots beyond those of the reference left out; another implementation may store as many as it likes."""
    _, count = axes(name)
    if found.ndim != len(shape) or not count:
        return found
    return found[tuple(slice(n) if 1 <= axis <= count else slice(None) for axis, n in enumerate(shape))]
