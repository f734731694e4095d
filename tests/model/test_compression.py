"""Compressed models: tables as the peer makes them, evaluated on all libraries, in and out of files."""

from __future__ import annotations

import warnings
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from tolerances import TOLERANCES, deviation

import dpa2
from dpa2 import testing
from dpa2.config import NeighborAttention
from dpa2.descriptor.tables import jets
from dpa2.errors import InputError, TargetLacks, UnsupportedModel
from dpa2.model.compression import closest_distance, table_error
from dpa2.model.extrapolation import ExtrapolationWarning
from dpa2.nn.activations import ACTIVATIONS, NAMES
from dpa2.nn.layers import Dense, EmbeddingNet

pytestmark = pytest.mark.filterwarnings("ignore::dpa2.TruncationWarning")  # lists are cut on purpose

SAMPLES = Path(__file__).parents[1] / "data" / "samples"
EXACT, PEER = SAMPLES / "dpa2_tiny_strip.dp", SAMPLES / "dpa2_tiny_strip.compressed.pth"
FRAMES = ("pbc", "cluster", "triclinic")


@pytest.fixture(scope="module")
def exact():
    return dpa2.load(EXACT)


@pytest.fixture(scope="module")
def compressed(exact):
    return dpa2.compress(exact, exact.metadata["min_distance"])


def tables(model) -> dict:
    return {n.rpartition(".")[2]: a for n, a in model.checkpoint().weights.items() if ".tables." in n}


def structure(frame: str):
    data = np.load(SAMPLES / "expected.strip.npz")
    cell = data[f"{frame}/box"]
    return data[f"{frame}/coord"], data[f"{frame}/types"], cell if cell.size else None


def strip_config(**changes):
    """A small model that can be compressed."""
    config = testing.small_config()
    return replace(config, repinit=replace(config.repinit, type_input="strip", timestep=False, **changes))


def pair_at(distances):
    """Atoms on a line, each so far from the first."""
    return [[float(d), 0.0, 0.0] for d in (0.0, *distances)]


# --- tables


@pytest.mark.parametrize("peer", [PEER, SAMPLES / "dpa2_tiny_strip.compressed.dp"], ids=lambda p: p.suffix)
def test_our_tables_are_the_peers(peer, compressed):
    ours, theirs = tables(compressed), tables(dpa2.load(peer))
    assert (ours["grid"] == theirs["grid"]).all()
    assert deviation(ours["types"], theirs["types"]) <= TOLERANCES["reference"][0]
    low, high, _, fine, coarse = ours["grid"][:5]
    length = np.where(np.arange(len(ours["coefficients"])) < int((high - low) / fine), fine, coarse)
    reach = length[:, None, None] ** np.arange(6)  # what a coefficient weighs at the end of its interval
    mine, other = (t["coefficients"].reshape(len(length), -1, 6) * reach for t in (ours, theirs))
    assert deviation(mine, other) <= TOLERANCES["reference"][0]


@pytest.mark.parametrize(
    ("mean", "std", "grid"),
    [  # by DeePMD-kit's exportable back end from the same statistics; others are 0 and 10, atoms 0.89 Å apart
        ((0.0, 0.0), (1.0, 1.0), (0, 2, 10)),
        ((2.5, 0.0), (1.0, 1.0), (-3, 2, 10)),
        ((0.0, 2.5), (1.0, 1.0), (-3, 2, 10)),
        ((-2.5, 0.0), (1.0, 1.0), (0, 4, 20)),
        ((0.0, -3.5), (1.0, 1.0), (0, 5, 25)),
        ((0.0, 0.0), (0.1, 1.0), (0, 11, 55)),
        ((0.0, 0.0), (1.0, 0.1), (0, 11, 55)),
    ],
)
def test_the_table_reaches_as_far_as_the_peers(mean, std, grid, exact):
    state = exact.state_dict()
    rows = np.array([[mean[0], *[mean[1]] * 3], [0.0] * 4]), np.array([[std[0], *[std[1]] * 3], [10.0] * 4])
    names = ("descriptor.repinit.environment.mean", "descriptor.repinit.environment.std")
    model = exact.with_state(state | dict(zip(names, rows, strict=True)))
    found = tables(dpa2.compress(model, 0.89))["grid"]
    assert tuple(found[:3]) == grid


@pytest.mark.parametrize("name", [name for name, entry in ACTIVATIONS.items() if entry.smooth])
def test_derivatives_of_nets_are_those_of_their_values(name):
    generator = np.random.default_rng(0)
    ends = [(1, 2), (2, 4), (4, 4), (4, 3)]
    net = EmbeddingNet(tuple(Dense(generator.normal(size=e), generator.normal(size=e[1]), None, name) for e in ends))
    s, h = np.linspace(-1.0, 2.0, 31), 1e-3
    (v, d, c), (up, du, _), (down, dd, _) = jets(net, s), jets(net, s + h), jets(net, s - h)
    assert deviation(v, net.vjp(s[None, :])[0]) <= 1e-15
    assert deviation(d, (up - down) / (2 * h)) <= 1e-4  # second order, step 1e-3
    assert deviation(c, (du - dd) / (2 * h)) <= 1e-4


def test_the_table_is_within_rounding_of_the_net_where_it_is_fine(compressed):
    assert table_error(compressed) <= 1.3e-12  # as the specification measured for the peer's


# --- evaluation


EVALUATIONS = [
    *product(("numpy", "torch", "paddle"), FRAMES),
    ("jax", "cluster"),
]  # one frame is enough for what JAX compiles


@pytest.mark.parametrize(("library", "frame"), EVALUATIONS)
def test_a_compressed_model_gives_the_exact_ones_results(library, frame, exact, compressed):
    pytest.importorskip(library)
    out, wanted = compressed.to(library).evaluate(*structure(frame)), exact.evaluate(*structure(frame))
    assert deviation(np.asarray(out.energy), wanted.energy) <= TOLERANCES["samples"][0]
    assert deviation(np.asarray(out.forces), wanted.forces) <= TOLERANCES["sample forces"][0]


def test_the_peers_tables_give_the_peers_results(exact):
    data = np.load(SAMPLES / "expected.strip.npz")
    for frame in FRAMES:
        out = dpa2.load(PEER).evaluate(*structure(frame))
        assert deviation(out.forces, data[f"{frame}/force"]) <= TOLERANCES["sample forces"][0]


@pytest.mark.filterwarnings("ignore::dpa2.ExtrapolationWarning")
@pytest.mark.parametrize("distance", [0.3, 0.88, 1.2, 2.0])
def test_forces_are_the_slopes_of_energies_at_all_distances(distance, compressed):
    def along_x(step: float):
        coordinates = np.array(pair_at([distance, distance + 1.1]))
        coordinates[1, 0] += step * 1e-4
        return compressed.evaluate(coordinates, [0, 1, 1])

    before, near_before, near_after, after = (float(along_x(step).energy) for step in (-2, -1, 1, 2))
    slope = (before - 8 * near_before + 8 * near_after - after) / 12e-4
    assert abs(slope + along_x(0).forces[1, 0]) <= 1e-5  # energies of -1e3 eV are rounded to 1e-13, divided by 1e-4


def test_a_table_is_twice_continuously_differentiable_across_its_knots(compressed):
    net = compressed.program.descriptor.initial.repinit.embedding
    low, high, _, fine, coarse = tables(compressed)["grid"][:5]
    for knot in (low + 7 * fine, high - fine, high, high + 3 * coarse):
        jumps = []
        for step in (1e-3, 5e-4):
            s = knot + step * np.arange(-3, 4)
            q, _ = net.net_vjp(s[None, :], None, None)
            third = np.diff(q[:, 0, :], n=3, axis=-1)  # falls with the cube of the step where q″ is continuous
            jumps.append(np.abs(third).max())
        assert jumps[0] <= 1e-8 or jumps[1] <= jumps[0] / 6


def test_behind_both_ends_the_table_goes_on_as_a_straight_line(compressed):
    net = compressed.program.descriptor.initial.repinit.embedding
    low, end = (tables(compressed)["grid"][k] for k in (0, 2))
    for s in (low - np.array([[0.0, 0.5, 1.0, 1.5]]), end + np.array([[0.0, 2.0, 4.0, 6.0]])):
        q, pull = net.net_vjp(s, None, None)
        assert np.abs(np.diff(q[:, 0, :], n=2, axis=-1)).max() <= 1e-13
        slope = pull(np.ones_like(q))[0]
        assert deviation(np.diff(q[:, 0, :].sum(axis=0)) / np.diff(s[0]), slope[1:]) <= 1e-10


def test_atoms_closer_than_the_table_was_made_for_are_counted(compressed):
    with pytest.warns(ExtrapolationWarning, match=r"2 pairs of atoms are closer than 0\.8925 Å, the closest 0\.5 Å"):
        compressed.evaluate(pair_at([0.5, 1.2]), [0, 1, 1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compressed.evaluate(pair_at([0.95, 1.9]), [0, 1, 1])


def test_with_attention_in_repinit_the_gate_alone_is_a_table():
    config = strip_config(attention=NeighborAttention(layers=1, dim=4))
    model = testing.perturbed_model(config, seed=3)
    small = dpa2.compress(model, 0.8)
    assert set(tables(small)) == {"types"}
    water = testing.water_box(4)
    call = water.coordinates, water.types, water.cell
    one, other = (m.evaluate(*call, neighbors="truncate").forces for m in (model, small))
    assert deviation(one, other) <= TOLERANCES["layout"][0]


@pytest.mark.parametrize("one_sided", [False, True])
def test_gates_of_one_and_of_two_types_are_tabulated(one_sided):
    model = testing.perturbed_model(strip_config(one_sided=one_sided), seed=4)
    small, water = dpa2.compress(model, 0.85), testing.water_box(4)
    count = len(model.type_map) + 1
    assert len(tables(small)["types"]) == (count if one_sided else count**2)
    call = water.coordinates, water.types, water.cell
    one, other = (m.evaluate(*call, neighbors="truncate").forces for m in (model, small))
    assert deviation(one, other) <= TOLERANCES["expansion"][0]


# --- refusals and files


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"type_input": "concat"}, "strip"), ({"timestep": True}, "timestep"), ({"activation": "silut:3"}, "silut:3")],
)
def test_what_has_no_table_is_refused_with_the_reason(changes, reason):
    config = testing.small_config()
    repinit = replace(config.repinit, **({"type_input": "strip", "timestep": False} | changes))
    with pytest.raises(UnsupportedModel, match=reason):
        dpa2.compress(testing.perturbed_model(replace(config, repinit=repinit)), 0.9)


SECTION_13 = {"tanh", "gelu", "gelu_tf", "relu", "relu6", "softplus", "sigmoid", "silu", "linear", "none"}


@pytest.mark.parametrize("name", NAMES)
def test_the_activations_of_section_13_alone_are_tabulated(name):
    model = dpa2.build(strip_config(activation=name.upper()))
    if name in SECTION_13:
        assert np.isfinite(tables(dpa2.compress(model, 0.9))["coefficients"]).all()
    else:
        with pytest.raises(UnsupportedModel, match="no table"):
            dpa2.compress(model, 0.9)


def test_a_compressed_model_is_not_compressed_again(compressed):
    with pytest.raises(UnsupportedModel, match="compressed already"):
        dpa2.compress(compressed, 0.9)
    with pytest.raises(InputError, match="min_distance"):
        dpa2.compress(compressed, -1.0)


@pytest.mark.parametrize("suffix", [".dp", ".yaml", ".json", ".safetensors"])
def test_tables_survive_files_to_the_bit(suffix, tmp_path, compressed):
    dpa2.save(compressed, tmp_path / f"model{suffix}")
    again = dpa2.load(tmp_path / f"model{suffix}")
    assert again.checkpoint().digest() == compressed.checkpoint().digest()
    assert again.config.repinit.compression.intervals == 1120


@pytest.mark.parametrize("suffix", [".pt", ".jax"])
def test_formats_without_a_place_for_tables_refuse_them(suffix, tmp_path, compressed):
    with pytest.raises(TargetLacks, match="tables"):
        dpa2.save(compressed, tmp_path / f"model{suffix}")
    assert not list(tmp_path.iterdir())


def test_the_closest_distance_is_found_in_structures(exact):
    systems = [dpa2.System(pair_at([1.5, 2.8]), [0, 1, 1]), dpa2.System(pair_at([1.1]), [0, 1])]
    assert closest_distance(exact, systems) == pytest.approx(1.1, rel=1e-15)
    with pytest.raises(InputError, match="no two atoms"):
        closest_distance(exact, [dpa2.System(pair_at([9.0]), [0, 1])])
