"""The layout of the repformer's layers in the native tree.

Source: section 2.7 of the description of formats.
"""

from __future__ import annotations

from ...config import DPA2Config, Repformer
from ..inventory import Tensor
from ..settings.spelling import REPFORMER, write_words
from .nodes import Nodes
from .packing import (
    head_fastest,
    key_and_value,
    output_head_fastest,
    output_head_slowest,
    plain,
    query_and_key,
    reshaped,
)

SHIFT = 20.0  # shift of attention weights (specification section 3.5)
# Settings of the repformer that a layer does not repeat.
NOT_REPEATED = ("nsel", "nlayers", "direct_dist", "update_residual", "update_residual_init", "set_davg_zero")
# Updates that the last layer does not have.
NOT_IN_THE_LAST = ("update_g2_has_g1g1", "update_g2_has_attn", "update_h2")


def layer_node(config: DPA2Config, k: int, tensors: dict[str, Tensor]) -> dict:
    """The node of layer `k`: its settings, its updates, its residual vectors."""
    repformer, nodes = config.repformer, Nodes(config.dtype, config.trainable)
    name, last = f"descriptor.repformer.layers.{k}", k == config.repformer.layers - 1
    node = layer_settings(config, last) | atom_nodes(name, repformer, nodes, config.smooth, tensors)
    if not last:
        node |= pair_nodes(name, repformer, nodes, config.smooth)
    if repformer.residual == "trainable":
        node["@variables"] = residual_arrays(name, nodes, tensors)
    return node


def layer_settings(config: DPA2Config, last: bool) -> dict:
    words = write_words(vars(config.repformer), REPFORMER)
    settings = {key: word for key, word in words.items() if key not in NOT_REPEATED}
    if last:
        settings |= dict.fromkeys(NOT_IN_THE_LAST, False)
    return {
        "@class": "RepformerLayer",
        "@version": 2,
        "sel": [config.repformer.max_neighbors],
        "ntypes": len(config.types),
        "update_chnnl_2": not last,
        "smooth": config.smooth,
        "precision": config.dtype,
    } | settings


def atom_nodes(name: str, r: Repformer, nodes: Nodes, smooth: bool, tensors: dict[str, Tensor]) -> dict:
    found = {"linear1": nodes.linear(f"{name}.merge", tensors[f"{name}.merge.weight"].shape[0], r.atom_dim)}
    if r.separate_mlp:
        found["g1_self_mlp"] = nodes.linear(f"{name}.mlp", r.atom_dim, r.atom_dim)
    if r.convolution:
        ends = (r.pair_dim, r.atom_dim) if r.separate_convolution else (r.atom_dim, r.pair_dim)
        found["proj_g1g2"] = nodes.linear(f"{name}.convolution.project", *ends, bias=False)
    if r.local_attention:
        found["loc_attn"] = local_attention(f"{name}.local_attention", r, nodes, smooth)
    return found


def local_attention(name: str, r: Repformer, nodes: Nodes, smooth: bool) -> dict:
    dim, width, heads = r.atom_dim, r.attention_dim, r.attention_heads
    output = output_head_slowest(f"{name}.output", dim, heads)
    return {
        "@class": "LocalAtten",
        "@version": 1,
        "input_dim": dim,
        "hidden_dim": width,
        "head_num": heads,
        "smooth": smooth,
        "attnw_shift": SHIFT,
        "precision": nodes.precision,
        "mapq": nodes.layer(head_fastest(f"{name}.query", dim, width, heads)),
        "mapkv": nodes.layer(key_and_value(f"{name}.key", f"{name}.value", dim, width, heads)),
        "head_map": nodes.layer(output, plain(f"{name}.bias", (dim,))),
    }


def pair_nodes(name: str, r: Repformer, nodes: Nodes, smooth: bool) -> dict:
    found = {"linear2": nodes.linear(f"{name}.pair_mlp", r.pair_dim, r.pair_dim)}
    if r.pair_product:
        found["proj_g1g1g2"] = nodes.linear(f"{name}.pair_product", r.atom_dim, r.pair_dim, bias=False)
    name = f"{name}.pair_attention"
    if r.pair_attention or r.frame_attention:
        found["attn2g_map"] = pair_attention_map(name, r, nodes, smooth)
    if r.pair_attention:
        found["attn2_mh_apply"] = pair_attention_values(name, r, nodes)
        found["attn2_lm"] = nodes.norm(f"{name}.norm", r.pair_dim, r.norm_epsilon, r.trainable_norm)
    if r.frame_attention:
        mix = reshaped(f"{name}.mix", (r.pair_attention_heads, 1), r.pair_attention_heads)
        found["attn2_ev_apply"] = applied("Atten2EquiVarApply", r, nodes) | {"head_map": nodes.layer(mix)}
    return found


def pair_attention_map(name: str, r: Repformer, nodes: Nodes, smooth: bool) -> dict:
    dim, heads = r.pair_attention_dim, r.pair_attention_heads
    return {
        "@class": "Atten2Map",
        "@version": 1,
        "input_dim": r.pair_dim,
        "hidden_dim": dim,
        "head_num": heads,
        "has_gate": r.pair_attention_gate,
        "smooth": smooth,
        "attnw_shift": SHIFT,
        "precision": nodes.precision,
        "mapqk": nodes.layer(query_and_key(f"{name}.query", f"{name}.key", r.pair_dim, dim, heads)),
    }


def pair_attention_values(name: str, r: Repformer, nodes: Nodes) -> dict:
    dim, heads = r.pair_dim, r.pair_attention_heads
    output = nodes.layer(output_head_fastest(f"{name}.output", dim, heads), plain(f"{name}.bias", (dim,)))
    values = nodes.layer(head_fastest(f"{name}.value", dim, dim, heads))
    return applied("Atten2MultiHeadApply", r, nodes) | {"mapv": values, "head_map": output}


def applied(kind: str, r: Repformer, nodes: Nodes) -> dict:
    """The settings of a node to which the map of pair attention is applied."""
    heads = r.pair_attention_heads
    return {"@class": kind, "@version": 1, "input_dim": r.pair_dim, "head_num": heads, "precision": nodes.precision}


def residual_arrays(name: str, nodes: Nodes, tensors: dict[str, Tensor]) -> dict:
    """Lists of residual vectors, one for each update of a representation."""
    ours = {"g1": "atom_scale", "g2": "pair_scale", "h2": "frame_scale"}
    paths = {key: [path for path in tensors if path.startswith(f"{name}.{part}.")] for key, part in ours.items()}
    return {
        f"{key}_residual": [nodes.typed(plain(path, tensors[path].shape)) for path in found]
        for key, found in paths.items()
    }
