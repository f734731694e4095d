"""Which entries of an intermediate mean something: those whose slots hold a neighbour (specification section 19)."""

from __future__ import annotations

import re

import numpy as np

LISTS = {  # names of intermediates with slots: which list, and how many axes of slots follow that of the atoms
    r"nlist/(ri|tb|rf)(_local|_vector)?$": (None, 1),
    r"repinit/(diff|sw|env_mat|gg|gg_s|gg_t)$": ("ri", 1),
    r"three_body/(sw|env_mat)$": ("tb", 1),
    r"three_body/(kappa|gg)$": ("tb", 2),
    r"repformer/(sw|env_mat|g2_0|h2_0)$": ("rf", 1),
    r"repformer/layer\d+/(g1_nei|g2_mlp|g2_g1g1|g2_attn|h2_attn|g2|h2|attn1_logits|attn1_weights)$": ("rf", 1),
    r"repformer/layer\d+/(attn2_logits|attn2_map)$": ("rf", 2),
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
    """The list that an intermediate's slots belong to, and the number of its axes of slots."""
    for pattern, (which, count) in LISTS.items():
        match = re.match(pattern, name)
        if match:
            return which or match[1], count
    return None, 0


def occupied(name: str, reference: dict[str, np.ndarray]) -> np.ndarray | None:
    """1 where an intermediate means something, in its leading axes; None if it does everywhere."""
    which, count = axes(name)
    if which is None:
        return None
    used = reference[f"nlist/{which}"] >= 0
    return used if count == 1 else used[:, :, None] & used[:, None, :]


def fitted(name: str, found: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Slots beyond those of the reference left out; another implementation may store as many as it likes."""
    _, count = axes(name)
    if found.ndim != len(shape) or not count:
        return found
    return found[tuple(slice(n) if 1 <= axis <= count else slice(None) for axis, n in enumerate(shape))]
