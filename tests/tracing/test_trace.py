"""Every intermediate is what the reference's traces hold, under the name that the specification gives it."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pytest
from libraries import EAGER
from references import DATA, TRACES, frames, load
from tolerances import assert_close

import dpa2

pytestmark = pytest.mark.filterwarnings("ignore::dpa2.TruncationWarning")  # lists are cut on purpose

LAYER = "g1_self_mlp g1_nei g2_mlp g2_g1g1 attn2_logits attn2_map g2_attn h2_attn g1_conv g1_grrg g1_drrd g1_mlp"
NAMES = {  # section 19
    *(f"nlist/{block}{kind}" for block in ("ri", "tb", "rf") for kind in ("", "_local", "_vector")),
    "type_embedding/table",
    *(f"repinit/{n}" for n in ["diff", "sw", "env_mat", "strip_table", "gg_s", "gg_t", "gg", "gr", "grrg", "out"]),
    *(f"three_body/{n}" for n in ["sw", "env_mat", "kappa", "gg", "out"]),
    *("g1_shape_transform", "g1_init", "descriptor"),
    *(f"repformer/{n}" for n in ["sw", "env_mat", "g1_0", "g2_0", "h2_0", "rot_mat"]),
    *(f"repformer/layer/{n}" for n in f"{LAYER} attn1_logits attn1_weights g1_attn g1 g2 h2".split()),
    *("fitting/input", "fitting/hidden", "fitting/net_out"),
    *("atom_energy", "energy", "force", "virial", "atom_virial"),
}
LEFT_OUT = {  # to save room, in some of the files (README of the cases)
    *(
        f"repformer/layer/{n}"
        for n in ["attn2_logits", "attn2_map", "g1_nei", "g2_mlp", "g2_g1g1", "g2_attn", "h2_attn", "g2", "h2"]
    ),
    *(
        "three_body/gg",
        "three_body/kappa",
        "repinit/gg",
        "repinit/gg_s",
        "repinit/gg_t",
        "repinit/out",
        "fitting/input",
    ),
}
BLOCKS = {"repinit": "ri", "three_body": "tb", "repformer": "rf"}
LISTS = ("nlist/", "repinit/diff")
PAIRS = ("kappa", "attn2_logits", "attn2_map")  # two axes of slots; and three_body/gg
PER_SLOT = ("sw", "env_mat", "gg", "gg_s", "gg_t", "g2_0", "h2_0", "g1_nei", "g2_mlp", "g2_g1g1", "g2_attn", "h2_attn")
PER_SLOT += ("attn1_logits", "attn1_weights", "g2", "h2")


@cache
def reference(name: str) -> dict:
    data = np.load(DATA / "cases" / "traces" / f"{name}.npz")
    return {key: data[key] for key in data.files}


@cache
def traced(name: str, library: str):
    """What dpa2 says, and the system and model that it says it of."""
    case, frame = name.split(".frame")
    model, system = load(case, library), frames(case)[int(frame)].system
    return dpa2.trace(model, system.coordinates, system.types, system.cell, neighbors="truncate"), system, model


def plain(name: str) -> str:
    """A name without the numbers of layers."""
    return re.sub(r"(layer|hidden)\d+", r"\1", name)


def occupied(name: str, trace: dict, system, model) -> np.ndarray:
    """Slots of a block's list that hold a neighbour; in the repformer, excluded ones are empty (section 2.5)."""
    block = BLOCKS[name.split("/")[0]]
    near = trace[f"nlist/{block}_local"]
    used = near >= 0
    if block == "rf":
        for a, b in model.config.excluded_pairs:
            own, other = system.types[:, None], system.types[near]
            used &= ~(((own == a) & (other == b)) | ((own == b) & (other == a)))
    return used


def selected(name: str, trace: dict, system, model) -> np.ndarray:
    """The part of an entry that can be compared: what belongs to occupied slots."""
    value, kind = trace[name], name.rpartition("/")[2]
    if name.startswith("nlist") or name == "repinit/diff":
        block = "nlist/ri" if name == "repinit/diff" else name.removesuffix("_local").removesuffix("_vector")
        return value[trace[block] >= 0]
    if name == "three_body/gg" or kind in PAIRS:
        used = occupied(name, trace, system, model)
        return value[used[:, :, None] & used[:, None, :]]
    return value[occupied(name, trace, system, model)] if kind in PER_SLOT else value


@pytest.mark.parametrize("library", [*EAGER, pytest.param("jax", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", TRACES)
def test_every_intermediate_is_that_of_the_reference(name, library):
    trace, system, model = traced(name, library)
    for entry, expected in reference(name).items():
        found = selected(entry, trace, system, model)
        wanted = selected(entry, reference(name), system, model)
        assert expected.ndim == trace[entry].ndim, entry
        assert_close("trace", found, wanted, entry)


@pytest.mark.parametrize("name", TRACES)
def test_neighbour_lists_are_those_of_the_reference_to_the_last_index(name):
    trace, *_ = traced(name, "numpy")
    for entry, expected in reference(name).items():
        if entry.startswith("nlist") and not entry.endswith("vector"):
            width = trace[entry].shape[1]
            np.testing.assert_array_equal(trace[entry], expected[:, :width])
            assert (expected[:, width:] < 0).all()


@pytest.mark.parametrize("name", [name for name in TRACES if name.startswith("exclude")])
def test_excluded_neighbours_have_zero_rows_in_repinit(name):
    trace, system, _ = traced(name, "numpy")
    for block in ("repinit", "three_body"):
        near = trace[f"nlist/{BLOCKS[block]}_local"]
        excluded = (near >= 0) & (system.types[:, None] != system.types[near])
        assert excluded.any()
        assert not trace[f"{block}/env_mat"][excluded].any()
        assert not trace[f"{block}/sw"][excluded].any()


@pytest.mark.parametrize("name", TRACES)
def test_no_name_is_missing(name):
    assert reference(name).keys() <= traced(name, "numpy")[0].keys()


@pytest.mark.parametrize("name", TRACES)
def test_no_name_is_unknown_to_the_specification(name):
    trace, *_ = traced(name, "numpy")
    assert {plain(entry) for entry in trace} <= NAMES
    extra = {plain(entry) for entry in trace.keys() - reference(name).keys()}
    assert extra <= LEFT_OUT


def test_traces_cover_every_name_of_the_specification():
    assert {plain(entry) for name in TRACES for entry in reference(name)} == NAMES


def test_the_base_case_is_traced_without_gaps():
    assert traced("base.frame2", "numpy")[0].keys() == reference("base.frame2").keys()
