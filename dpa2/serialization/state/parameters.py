"""The parameters of a state dictionary, in the order in which PyTorch's optimizers number them.

A trainer gives its optimizer all parameters, frozen ones and empty tables included, each once, in the order of the
modules. Measured on checkpoints of DeePMD-kit 3.2.0.
"""

from __future__ import annotations

import re

import numpy

# Last parts of the names of arrays that are no parameters, but buffers.
BUFFERS = {"min_nbor_dist", "out_bias", "out_std", "mean", "stddev", "type_embd_data", "bias_atom_e", "case_embd"}
BUFFERS |= {f"{kind}param_{part}" for kind in "fa" for part in ("avg", "inv_std")}
BUFFERS |= {"type_mask", "default_fparam_tensor", "econf_tebd"}
ALIAS = "._networks."  # in the second name of each network
EMPTY = re.compile(r"(compress_info|compress_data)\.\d+$")  # ends of the names of parameters without numbers
SIBLING = "filter_layers.networks.0.layers.0.matrix"  # a parameter beside those, in the same block
# Words of names in the order of PyTorch's modules, and of the parameters in them.
ORDER = (
    "min_nbor_dist", "atomic_model", "out_bias", "out_std",
    "descriptor", "repinit", "repinit_three_body", "repformers",
    "mean", "stddev", "type_embd_data", "bias_atom_e", "case_embd", "filter_layers", "filter_layers_strip",
    "compress_info", "compress_data",
    "g2_embd", "layers", "linear1", "linear2", "g1_self_mlp", "proj_g1g2", "proj_g1g1g2",
    "attn2g_map", "attn2_mh_apply", "attn2_lm", "attn2_ev_apply", "loc_attn",
    "mapqk", "mapq", "mapkv", "mapv", "head_map", "g1_residual", "g2_residual", "h2_residual",
    "type_embedding", "g1_shape_tranform", "tebd_transform",
    "fitting_net", "networks", "_networks", "matrix", "bias", "idt",
)  # fmt: skip
RANKS = {word: rank for rank, word in enumerate(ORDER)}


def numbered(state: dict[str, numpy.ndarray]) -> dict[str, int]:
    """Return the number of each parameter by its full name; names of one array have one number."""
    numbers: dict[str, int] = {}
    known: dict[tuple, int] = {}
    for name, array in state.items():
        if is_parameter(name):
            numbers[name] = known.setdefault(memory(name, array, state), len(known))
    return numbers


def is_parameter(name: str) -> bool:
    """Return whether a name is that of a parameter, and not a second one."""
    return ALIAS not in name and name.rpartition(".")[2] not in BUFFERS


def memory(name: str, array: numpy.ndarray, state: dict[str, numpy.ndarray]) -> tuple:
    """Return a mark of the memory of an array; an empty one is shared as its block is."""
    empty = EMPTY.search(name)
    if empty and not array.size:
        sibling = state.get(name[: empty.start()] + SIBLING)
        return (name,) if sibling is None else (empty[0], *memory("", sibling, state))
    return array.__array_interface__["data"][0], array.shape, array.strides, array.dtype.str


def in_order(names) -> list[str]:
    """Return names of arrays below a model's own in the order in which PyTorch's modules have them."""
    return sorted(names, key=lambda name: [place_of(word) for word in name.split(".")])


def place_of(word: str) -> int:
    """Return the place of a word among those that can follow the same beginning of a name."""
    return int(word) if word.isdecimal() else RANKS.get(word, len(RANKS))
