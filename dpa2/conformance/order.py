"""The order in which intermediates are computed, whatever a model has of them."""

from __future__ import annotations

import re

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
