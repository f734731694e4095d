"""An independent implementation that makes a mistake is told which it is.

The catalogue of causes replaces modules of the model, where sums run over stored neighbours; here the mistakes are made
in another program, which has every slot and was written from the specification.
"""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pytest
from independent.fitting import fitting
from independent.heads import head
from independent.pairs import initial_pairs
from independent.repformer import first_layer
from independent.repinit import repinit
from independent.three_body import three_body

from dpa2.conformance.check import check_all, common_causes, earliest
from dpa2.conformance.vectors import shipped


def two_bodies(vector, config, weights, wrong):
    lists = vector.trace["nlist/ri_local"], vector.trace["nlist/ri_vector"]
    held = vector.trace["nlist/ri"] >= 0
    return repinit(config, weights, vector.system.types, np.where(held, lists[0], -1), lists[1], wrong)


def three_bodies(vector, config, weights, wrong):
    trace = vector.trace
    start = {"repinit/sw": trace["repinit/sw"]}
    if not config["three_body"]:
        return start
    near = np.where(trace["nlist/tb"] >= 0, trace["nlist/tb_local"], -1)
    given = near, trace["nlist/tb_vector"], trace["type_embedding/table"]
    return start | three_body(config, weights, vector.system.types, *given, wrong)


def pairs(vector, config, weights, wrong):
    near = np.where(vector.trace["nlist/rf"] >= 0, vector.trace["nlist/rf_local"], -1)
    return initial_pairs(config, weights, vector.system.types, near, vector.trace["nlist/rf_vector"], wrong)


def layer(vector, config, weights, wrong):
    return first_layer(config, weights, vector.system.types, vector.trace, wrong)


def fitted(vector, config, weights, wrong):
    return fitting(config, weights, vector.trace["fitting/input"], wrong)


def head_of(vector, config, weights, wrong):
    trace = vector.trace
    return head(config, weights, vector.system.types, trace["fitting/net_out"], trace["repformer/rot_mat"], wrong)


PARTS = {
    "repinit": two_bodies,
    "three_body": three_bodies,
    "pairs": pairs,
    "repformer": layer,
    "fitting": fitted,
    "head": head_of,
}


@cache
def vectors(part: str) -> list:
    """All golden vectors of a part, the smallest first, on which most causes can be told apart already."""
    return sorted(shipped(of_heads=part == "head"), key=lambda vector: vector.trace["nlist/ri"].size)


def implementation(part: str, wrong: str = ""):
    """A part of the model as a target, with a mistake in it if one is named."""

    def target(vector, dtype):
        with np.errstate(over="ignore", invalid="ignore"):
            return PARTS[part](vector, vector.config.to_dict(), vector.weights, wrong)

    return target


@pytest.mark.parametrize("part", PARTS)
def test_an_independent_implementation_agrees_with_every_golden_vector(part):
    reports = check_all(implementation(part), vectors(part), tolerance=1e-12)
    assert earliest(reports) is None
    assert sum(report.given for report in reports) > len(reports)


MISTAKES = [  # which part, what is done wrong, where that shows first, and what it is called in the catalogue
    ("repinit", "cosine switch", "repinit/sw", "switch-cosine"),
    ("repinit", "unclipped switch", "repinit/sw", "switch-unclipped"),
    ("repinit", "exclusion ignored", "repinit/sw", "exclusion-ignored"),
    ("repinit", "no statistics", "repinit/env_mat", "statistics-ignored"),
    ("repinit", "no mean", "repinit/env_mat", "mean-ignored"),
    ("repinit", "centre first", "repinit/strip_table", "centre-first"),
    ("repinit", "no skip in nets", "repinit/strip_table", "embedding-skip-missing"),
    ("repinit", "no timestep in nets", "repinit/strip_table", "embedding-timestep-ignored"),
    ("repinit", "divided by neighbours", "repinit/gr", "repinit-neighbors-for-slots"),
    ("repinit", "divided by neighbours that are seen", "repinit/gr", "repinit-included-for-slots"),
    ("repinit", "divided by the width", "repinit/gr", "repinit-width-for-slots"),
    ("three_body", "no statistics", "three_body/env_mat", "statistics-ignored-in-three-body"),
    ("three_body", "diagonal zeroed", "three_body/kappa", "diagonal-zeroed"),
    ("three_body", "second neighbour first", "three_body/gg", "three-body-types-swapped"),
    ("three_body", "diagonal left out", "three_body/out", "diagonal-left-out"),
    ("repformer", "convolution not switched", "repformer/layer0/g1_conv", "convolution-not-switched"),
    ("repformer", "root in convolution", "repformer/layer0/g1_conv", "root-in-convolution"),
    ("repformer", "count not protected", "repformer/layer0/g1_conv", "count-not-protected"),
    ("repformer", "moment not switched", "repformer/layer0/g1_grrg", "moment-not-switched"),
    ("repformer", "no shift", "repformer/layer0/attn1_logits", "shift-missing"),
    ("repformer", "no shift: pair", "repformer/layer0/attn2_logits", "shift-missing-pair"),
    ("repformer", "empty slots masked", "repformer/layer0/attn1_weights", "phantoms-missing"),
    ("repformer", "empty slots masked: local", "repformer/layer0/attn1_weights", "phantoms-missing-local"),
    ("repformer", "masked late", "repformer/layer0/attn1_weights", "mask-after-softmax"),
    ("repformer", "masked late: pair", "repformer/layer0/attn2_map", "mask-after-softmax-pair"),
    ("repformer", "local: switched once", "repformer/layer0/attn1_weights", "local-switch-once"),
    ("repformer", "switch of the key after", "repformer/layer0/attn2_map", "pair-one-switch-after"),
    ("repformer", "pair: switched once", "repformer/layer0/attn2_map", "pair-switch-once"),
    ("fitting", "no skip", "fitting/hidden[01]", "fitting-skip-missing"),
    ("fitting", "no timestep", "fitting/hidden[01]", "fitting-timestep-ignored"),
    ("head", "deviation after bias", "atom_property", "bias-before-deviation"),
    ("head", "net bias after deviation", "atom_property", "net-bias-after-deviation"),
    ("head", "no net bias", "atom_(property|dos|dipole|polarizability)", "atom-bias-missing"),
    ("head", "not halved", "atom_polarizability", "polarizability-not-halved"),
    ("head", "product", "atom_polarizability", "polarizability-product"),
    ("head", "no scale in the shift", "atom_polarizability", "shift-without-scale"),
    ("head", "no shift", "atom_polarizability", "polarizability-shift-missing"),
]
FURTHER = [  # which a slow run tries; most of them are among the planted faults, too
    ("three_body", "gate not switched", "three_body/gg", "strip-not-switched-in-three-body"),
    ("pairs", "no statistics", "repformer/env_mat", "statistics-ignored-in-repformer"),
    ("pairs", "no mean", "repformer/env_mat", "mean-ignored"),
    ("pairs", "direct ignored", "repformer/g2_0", "direct-ignored"),
    ("pairs", "no activation of pairs", "repformer/g2_0", "pair-activation-missing"),
    ("repformer", "product not switched", "repformer/layer0/g2_g1g1", "product-not-switched"),
    ("repformer", "not scaled: local", "repformer/layer0/attn1_logits", "attention-not-scaled-local"),
    ("repformer", "not scaled: pair", "repformer/layer0/attn2_logits", "attention-not-scaled-pair"),
    ("repinit", "no skip of types", "type_embedding/table", "type-skip-missing"),
    ("repinit", "no skip", "type_embedding/table", "skip-missing"),
    ("repinit", "no doubled skip", "type_embedding/table", "doubled-skip-missing"),
    ("repinit", "cubic switch", "repinit/sw", "switch-cubic"),
    ("repinit", "no statistics", "repinit/env_mat", "statistics-ignored-in-repinit"),
    ("repinit", "no protection", "repinit/env_mat", "protection-ignored"),
    ("repinit", "no timestep", "repinit/strip_table", "timestep-ignored"),
    ("repinit", "gelu by erf", "repinit/strip_table", "gelu-erf"),
    ("repinit", "silut is silu", "repinit/gg", "silut-is-silu"),
    ("repinit", "table transposed", "repinit/gg_t", "strip-table-transposed"),
    ("repinit", "gate not switched", "repinit/gg_t", "strip-not-switched"),
    ("repinit", "gate not switched", "repinit/gg_t", "strip-not-switched-in-repinit"),
    ("repinit", "gate without one", "repinit/gg", "strip-one-missing"),
    ("repinit", "empty slots zero", "repinit/gr", "empty-slots-missing"),
    ("repinit", "three columns", "repinit/grrg", "repinit-three-columns"),
    ("repinit", "channel fastest", "repinit/grrg", "repinit-flatten"),
    ("three_body", "cosine", "three_body/kappa", "kappa-cosine"),
    ("repformer", "divided by neighbours", "repformer/layer0/g1_conv", "neighbors-for-slots"),
    ("repformer", "root ignored", "repformer/layer0/g1_grrg", "root-ignored"),
    ("repformer", "third missing", "repformer/layer0/g1_grrg", "third-missing"),
    ("repformer", "axis fastest", "repformer/layer0/g1_grrg", "repformer-flatten"),
    ("repformer", "not scaled", "repformer/layer0/attn1_logits", "attention-not-scaled"),
    ("repformer", "no shift: local", "repformer/layer0/attn1_logits", "shift-missing-local"),
    ("repformer", "empty slots masked: pair", "repformer/layer0/attn2_map", "phantoms-missing-pair"),
    ("repformer", "masked late: local", "repformer/layer0/attn1_weights", "mask-after-softmax-local"),
    ("repformer", "local: heads swapped", "repformer/layer0/g1_attn", "local-heads-swapped"),
    ("repformer", "no gate", "repformer/layer0/attn2_logits", "gate-ignored"),
    ("repformer", "switch of the key", "repformer/layer0/attn2_logits", "pair-one-switch"),
    ("repformer", "no angle without a gate", "repformer/layer0/attn2_map", "angle-missing"),
    ("repformer", "angle not divided", "repformer/layer0/attn2_map", "angle-not-divided"),
    ("repformer", "pair: heads swapped", "repformer/layer0/g2_attn", "pair-heads-swapped"),
    ("repformer", "plain norm", "repformer/layer0/g2_attn", "norm-plain"),
]
ALL = [*MISTAKES, *(pytest.param(*mistake, marks=pytest.mark.slow) for mistake in FURTHER)]


@pytest.mark.parametrize(("part", "wrong", "first", "cause"), ALL)
def test_a_mistake_is_found_where_it_was_made_and_named(part, wrong, first, cause):
    reports = check_all(implementation(part, wrong), vectors(part))
    found = earliest(reports)
    assert found is not None
    assert re.fullmatch(first, found.divergence.finding.name)
    assert cause in [c.name for c in common_causes(reports)]
