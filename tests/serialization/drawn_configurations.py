"""Configurations drawn at random, with every setting that a file can hold."""

from __future__ import annotations

import dataclasses

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from dpa2 import config as c


def activations():
    names = ("tanh", "Tanh", "relu", "relu6", "gelu", "gelu_tf", "softplus", "sigmoid", "silu", "silut:2.5", "none")
    return st.sampled_from((*names, "linear", "custom_silu:0.5", "silut"))


small, flags = st.integers(1, 4), st.booleans()
lengths = st.floats(0.01, 100.0)
dtypes = st.sampled_from(c.DTYPES)


@st.composite
def repformers(draw, cutoff, neighbors):
    dims = dict(atom_dim=draw(st.integers(2, 6)), pair_dim=draw(st.integers(2, 5)), axis=draw(st.integers(1, 2)))
    counts = ("layers", "attention_dim", "attention_heads", "pair_attention_dim", "pair_attention_heads")
    switches = [f.name for f in dataclasses.fields(c.Repformer) if f.type == "bool"]
    chosen = {name: draw(flags) for name in switches}
    chosen["pair_symmetrization"] |= chosen["separate_mlp"] and not chosen["neighbor_symmetrization"]
    return c.Repformer(
        cutoff=cutoff,
        inner_cutoff=cutoff * draw(st.floats(0, 0.9)),
        max_neighbors=neighbors,
        **dims,
        **{name: draw(small) for name in counts},
        **chosen,
        activation=draw(activations()),
        residual=draw(st.sampled_from(("average", "increment", "trainable"))),
        residual_scale=draw(st.floats(0, 1)),
        residual_init=draw(st.sampled_from(("normal", "constant"))),
        norm_epsilon=draw(st.floats(1e-12, 1e-2)),
    )


@st.composite
def fittings(draw, types):
    widths = draw(st.lists(small, min_size=1, max_size=3).map(tuple))
    count = draw(st.integers(0, 2))
    energies = st.lists(st.none() | st.floats(-1e3, 1e3), min_size=types, max_size=types).map(tuple)
    each = (
        st.lists(flags, min_size=len(widths) + 1, max_size=len(widths) + 1).map(tuple).filter(lambda t: len(set(t)) > 1)
    )
    return c.Fitting(
        widths=widths,
        activation=draw(activations()),
        timestep=draw(flags),
        dtype=draw(dtypes),
        frame_parameters=count,
        atom_parameters=draw(st.integers(0, 2)),
        default_frame_parameters=draw(st.none() | st.just((0.5,) * count)) if count else None,
        case_dim=draw(st.integers(0, 2)),
        parameters_as_mask=draw(flags),
        vacuum_energies=draw(st.just(()) | energies),
        trainable=draw(flags | each),
        bias_cutoff=draw(st.none() | st.floats(1e-12, 1e-2)),
    )


def pairs(types):
    return st.lists(st.tuples(st.integers(0, types - 1), st.integers(0, types - 1)), max_size=2).map(tuple)


@st.composite
def configs(draw, attention=False):
    types = draw(st.sampled_from((("O",), ("O", "H"), ("O", "H", "C", "Na"))))
    n, cutoff = len(types), draw(lengths)
    three = c.ThreeBody(cutoff=cutoff * 0.95, inner_cutoff=0.0, max_neighbors=8, widths=(draw(small), draw(small)))
    widths = draw(st.lists(small, min_size=1, max_size=3).map(tuple))
    layers = c.NeighborAttention(layers=draw(small), dim=draw(small), temperature=draw(st.none() | st.floats(0.1, 9)))
    repinit = c.Repinit(
        cutoff=cutoff,
        inner_cutoff=cutoff * draw(st.floats(0, 0.9)),
        max_neighbors=9,
        widths=widths,
        axis=draw(st.integers(1, widths[-1])),
        type_dim=draw(small),
        type_input=draw(st.sampled_from(("concat", "strip"))),
        one_sided=draw(flags),
        activation=draw(activations()),
        timestep=draw(flags),
        zero_mean=draw(flags),
        attention=layers if attention else None,
    )
    switches = ("smooth", "append_type", "add_type_to_repinit", "electron_configuration", "type_bias", "trainable")
    return c.DPA2Config(
        types=types,
        repinit=repinit,
        repformer=draw(repformers(cutoff * 0.9, draw(st.integers(1, 8)))),
        three_body=draw(st.none() | st.just(three)),
        fitting=draw(fittings(n)),
        **{name: draw(flags) for name in switches},
        excluded_pairs=draw(pairs(n)),
        protection=draw(st.floats(0, 1)),
        dtype=draw(dtypes),
        model_excluded_pairs=draw(pairs(n)),
        excluded_types=draw(st.just(()) | st.just((0,))),
        preset_bias=draw(st.none() | st.lists(st.none() | st.floats(-9, 9), min_size=n, max_size=n).map(tuple)),
    )


brief = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
