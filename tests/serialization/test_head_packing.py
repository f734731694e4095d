"""Attention heads are packed in the peer's arrays as its equations say."""

from __future__ import annotations

import numpy as np
from checkpoints import DATA, base, generic_load


def raw_layer(name: str, k: int = 0) -> dict:
    tree = generic_load(DATA / "cases" / f"{name}.dp")
    return tree["model"]["descriptor"]["repformers_variable"]["repformer_layers"][k]


def test_pair_attention_interleaves_queries_and_keys_with_the_head_fastest():
    weights, packed = base().weights, raw_layer("base")["attn2g_map"]["mapqk"]["@variables"]["w"]
    query, key = (weights[f"descriptor.repformer.layers.0.pair_attention.{n}"] for n in ("query", "key"))
    heads, _, dim = query.shape
    for h, x in np.ndindex(heads, dim):
        assert (packed[:, x * 2 * heads + h] == query[h, :, x]).all()
        assert (packed[:, x * 2 * heads + heads + h] == key[h, :, x]).all()


def test_pair_attention_values_and_outputs_have_the_head_fastest():
    weights, node = base().weights, raw_layer("base")["attn2_mh_apply"]
    value, output = (weights[f"descriptor.repformer.layers.0.pair_attention.{n}"] for n in ("value", "output"))
    for h, x in np.ndindex(value.shape[0], value.shape[2]):
        assert (node["mapv"]["@variables"]["w"][:, x * value.shape[0] + h] == value[h, :, x]).all()
        assert (node["head_map"]["@variables"]["w"][x * value.shape[0] + h] == output[h, x]).all()


def test_local_attention_puts_keys_before_values_and_its_output_has_the_head_slowest():
    weights, node = base().weights, raw_layer("base")["loc_attn"]
    parts = [weights[f"descriptor.repformer.layers.0.local_attention.{n}"] for n in ("query", "key", "value", "output")]
    heads, channels, dim = parts[0].shape
    packed = {name: node[name]["@variables"]["w"] for name in ("mapq", "mapkv", "head_map")}
    for h in range(heads):
        for x in range(dim):
            assert (packed["mapq"][:, x * heads + h] == parts[0][h, :, x]).all()
            assert (packed["mapkv"][:, x * heads + h] == parts[1][h, :, x]).all()
        for x in range(channels):
            assert (packed["mapkv"][:, (dim + x) * heads + h] == parts[2][h, :, x]).all()
            assert (packed["head_map"][h * channels + x] == parts[3][h, x]).all()
