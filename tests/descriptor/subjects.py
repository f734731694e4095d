"""Every block with a pullback, on random inputs: what `test_pullbacks` differentiates."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from dpa2.config import Repformer
from dpa2.descriptor.chunk import Chunk
from dpa2.descriptor.descriptor import rotation_vjp
from dpa2.descriptor.embedding import fold_embedding
from dpa2.descriptor.environment import EnvironmentProgram, Neighborhood
from dpa2.descriptor.expansion import ExpandedRepinit, ExpandedThreeBody, Expansion
from dpa2.descriptor.features import Features, Sums
from dpa2.descriptor.initial import Initial, InitialPairs
from dpa2.descriptor.local_attention import side_by_side
from dpa2.descriptor.neighbor_attention import NeighborAttention, attention_vjp, directions_vjp
from dpa2.descriptor.pair_attention import AttentionMap, DirectionReader, PairReader
from dpa2.descriptor.repformer import TERMS, RepformerStep
from dpa2.descriptor.repinit import RepinitProgram
from dpa2.descriptor.residual import Residual
from dpa2.descriptor.switch import switch_vjp
from dpa2.descriptor.symmetrization import PairSymmetrization, moment_vjp
from dpa2.descriptor.tables import Tables
from dpa2.descriptor.term import TermContext
from dpa2.descriptor.three_body import ThreeBodyProgram
from dpa2.descriptor.weighting import Counted, Smooth, softmax_vjp
from dpa2.fitting.dipole import Dipoles
from dpa2.fitting.head import Head, Inputs
from dpa2.fitting.invariants import Invariants
from dpa2.fitting.net import FittingNet
from dpa2.fitting.polarizability import Polarizabilities
from dpa2.nn.activations import activation
from dpa2.nn.layers import Dense, EmbeddingNet, FittingLayers, LayerNorm, Linear, centered
from dpa2.testing.strategies import ACTIVATIONS

ATOMS, SLOTS, F, G, HEADS, TYPES = 3, 4, 6, 4, 2, 2  # few sizes: JAX compiles every operation for each
CUTOFF, INNER = 3.5, 1.0
SMOOTH, COUNTED = Smooth(max_neighbors=9, root=True), Counted(max_neighbors=9, root=False)


@dataclass(frozen=True)
class Subject:
    """A block: `run(fixed, inputs)` gives (outputs, pull), `pull(doutputs)` gives dinputs; all are trees of arrays."""

    fixed: Any
    inputs: Any
    run: Callable


SUBJECTS: dict[str, Callable[[], Subject]] = {}


def subject(name: str, *options):
    """Register a function of a random generator (and of one option) under a name."""

    def register(make):
        for option in options or [None]:
            label = name if option is None else f"{name}[{option}]"
            arguments = () if option is None else (option,)
            SUBJECTS[label] = partial(made, make, arguments)
        return make

    return register


def made(make, arguments) -> Subject:
    return make(np.random.default_rng(7), *arguments)


def weights(option: str):
    """The weighting that an option of a subject names."""
    return SMOOTH if "smooth" in option else COUNTED


def linear(rng, fan_in: int, fan_out: int, bias: bool = True) -> Linear:
    return Linear(rng.normal(size=(fan_in, fan_out)) / fan_in**0.5, rng.normal(size=fan_out) if bias else None)


def dense(rng, fan_in: int, fan_out: int, name: str = "tanh", timestep: bool = True) -> Dense:
    layer = linear(rng, fan_in, fan_out)
    return Dense(layer.weight, layer.bias, 0.5 + rng.uniform(size=fan_out) if timestep else None, name)


def net(rng, *widths: int) -> EmbeddingNet:
    return EmbeddingNet(tuple(dense(rng, a, b) for a, b in pairwise(widths)))


def norm(rng, width: int) -> LayerNorm:
    return LayerNorm(1.0 + 0.3 * rng.normal(size=width), rng.normal(size=width), 1e-3)


def environment(rng, centered: bool, protection: float = 0.0) -> EnvironmentProgram:
    mean = 0.3 * rng.normal(size=(TYPES, 4)) * centered
    std = 0.5 + rng.uniform(size=(TYPES, 4))
    return EnvironmentProgram(mean, std, CUTOFF, INNER, 9, protection, centered)


def vectors(rng) -> np.ndarray:
    """Neighbours inside the inner cutoff, between the cutoffs and beyond."""
    directions = rng.normal(size=(ATOMS, SLOTS, 3))
    lengths = rng.permuted(np.tile([0.8, 1.7, 2.9, 3.9], (ATOMS, 1)), axis=1) + rng.uniform(-0.1, 0.1, (ATOMS, SLOTS))
    return directions * (lengths / np.linalg.norm(directions, axis=-1))[..., None]


def occupied(rng) -> np.ndarray:
    """One neighbour of the first atom is excluded, and the last slot of the second is empty."""
    used = np.ones((ATOMS, SLOTS))
    used[0, 1] = used[1, 3] = 0.0
    return used


def hood(rng) -> Neighborhood:
    types = rng.integers(TYPES, size=(ATOMS, SLOTS))
    filler, empty = np.ones(ATOMS, dtype=int), np.array([5.0, 6.0, 5.0])
    return Neighborhood(types[:, 0], filler, types, vectors(rng), occupied(rng), empty)


def along_vectors(call):
    """A run whose inputs are the vectors of a neighbourhood or block."""

    def run(fixed, inputs):
        block, place = fixed
        y, pull = call(block, dataclasses.replace(place, vectors=inputs[0]))
        return y, lambda dy: (pull(dy),)

    return run


def features(rng, weighting=SMOOTH) -> Features:
    """Random representations; the counted weighting knows no fractions."""
    weight = rng.uniform(size=(ATOMS, SLOTS)) if weighting is SMOOTH else occupied(rng)
    atom, near = rng.normal(size=(ATOMS, F)), rng.normal(size=(ATOMS, SLOTS, F))
    return Features(atom, near, rng.normal(size=(ATOMS, SLOTS, G)), 0.5 * rng.normal(size=(ATOMS, SLOTS, 3)), weight)


def sums(rng) -> Sums:
    return Sums(0.5 + rng.uniform(size=(ATOMS, 1)), 0.5 + rng.uniform(size=(ATOMS, 1)))


def of_features(rng, block, weighting=SMOOTH) -> Subject:
    """A block of features; with the counted weighting, weights are constants and not among the inputs."""
    x = features(rng, weighting)
    constant = weighting is COUNTED

    def run(fixed, inputs):
        update, norm, weight = fixed
        y, pull = update.vjp(dataclasses.replace(inputs, switch=weight) if constant else inputs, norm)

        def pull_back(dy):
            dx = pull(dy)
            return dataclasses.replace(dx, switch=None) if constant else dx

        return y, pull_back

    return Subject((block, sums(rng), x.switch), dataclasses.replace(x, switch=None) if constant else x, run)


def plain(block, *inputs) -> Subject:
    """A block of one array."""

    def run(fixed, inputs):
        y, pull = fixed.vjp(*inputs)
        return y, lambda dy: (pull(dy),)

    return Subject(block, inputs, run)


def of_function(function, *inputs, single: bool = True) -> Subject:
    """A function with a pullback but without weights."""

    def run(fixed, inputs):
        y, pull = function(*inputs)
        return y, lambda dy: (pull(dy),) if single else pull(dy)

    return Subject((), inputs, run)


@subject("activation", *ACTIVATIONS)
def _(rng, name):
    return of_function(activation(name), np.linspace(-8.0, 8.0, 24))


@subject("linear")
def _(rng):
    return plain(linear(rng, F, G), rng.normal(size=(ATOMS, SLOTS, F)))


@subject("dense", *ACTIVATIONS)
def _(rng, name):
    return plain(dense(rng, F, G, name), rng.normal(size=(F, 5)))


@subject("dense with a skip connection", 1, 2)
def _(rng, copies):
    return plain(dense(rng, F, copies * F), rng.normal(size=(F, 5)))


@subject("embedding net")
def _(rng):
    return plain(net(rng, F, F, 2 * F, G), rng.normal(size=(F, 5)))


@subject("layer norm")
def _(rng):
    return plain(norm(rng, G), rng.normal(size=(ATOMS, SLOTS, G)))


@subject("fitting layers")
def _(rng):
    layers = FittingLayers(net(rng, F, F, 2 * F, G).layers, linear(rng, G, 1))
    return plain(layers, rng.normal(size=(F, 5)))


@subject("fitting", "plain", "vacuum", "several outputs")
def _(rng, kind):
    frame, atom = rng.normal(size=(ATOMS, 2)), rng.normal(size=(ATOMS, 1))
    layers = net(rng, F + 4, F, 2 * F, G).layers
    outputs = 3 if kind == "several outputs" else 1
    numbers = [rng.normal(size=n) for n in ((TYPES, outputs) if outputs > 1 else TYPES, 2, 2, 1, 1, 1)]
    fitting = FittingNet(layers, linear(rng, G, outputs), *numbers, False, kind == "vacuum")

    def run(fixed, inputs):
        net, frame, atom, types = fixed
        y, pull = net.vjp(inputs[0], frame, atom, types)
        return y, lambda dy: (pull(dy),)

    types = rng.integers(TYPES, size=ATOMS)
    return Subject((fitting, frame, atom, types), (rng.normal(size=(ATOMS, F)),), run)


@subject("switch")
def _(rng):
    return of_function(lambda r: switch_vjp(r, INNER, CUTOFF), np.linspace(0.5, 4.0, 24))


@subject("environment", "free", "protected")
def _(rng, kind):
    block = environment(rng, True, 0.05 * (kind == "protected"))

    def call(block, place):
        y, pull = block.vjp(place.types, place.vectors)
        return y, lambda dy: pull(*dy)

    place = hood(rng)
    return Subject((block, place), (place.vectors,), along_vectors(call))


@subject("environment slots", "centered", "zero")
def _(rng, kind):
    def call(block, place):
        slots, pull = block.rows_vjp(place)
        return (slots.rows, slots.switch), lambda dy: pull(*dy)

    place = hood(rng)
    return Subject((environment(rng, kind == "centered"), place), (place.vectors,), along_vectors(call))


EMBEDDINGS = ("concat", "concat one-sided", "concat with a skip connection")
EMBEDDINGS += ("strip", "strip one-sided", "strip switched", "strip switched with a skip connection")


def embedding(rng, kind: str, pairs: bool = False):
    """A folded embedding net of some kind."""
    dim = 1 if "skip" in kind and "concat" in kind else 3
    table = rng.normal(size=(TYPES + 1, dim))
    sides = 1 if "one-sided" in kind else 2
    fan_in = 1 if "strip" in kind else 1 + sides * dim
    widths = (fan_in, 2 * fan_in if "skip" in kind else 5, 10, G)
    gate = net(rng, sides * dim, 5, G) if "strip" in kind else None
    return fold_embedding(net(rng, *widths), gate, table, "switched" in kind)


@subject("typed embedding", *EMBEDDINGS)
def _(rng, kind):
    types, own = rng.integers(TYPES, size=(ATOMS, SLOTS)), rng.integers(TYPES, size=(ATOMS, 1))

    def run(fixed, inputs):
        return fixed[0].vjp(inputs[0], fixed[1], fixed[2], inputs[1])

    inputs = rng.normal(size=(ATOMS, SLOTS)), rng.uniform(size=(ATOMS, SLOTS))
    return Subject((embedding(rng, kind), types, own), inputs, run)


@subject("embedding by a table")
def _(rng):
    """Cells inside the fine part, in the coarse part, and before and behind the table."""
    rows, net = 12, embedding(rng, "strip switched")
    types = rng.normal(size=((TYPES + 1) ** 2, G))
    grid = np.array([-1.0, 1.0, 3.0, 0.25, 0.5, -1.0])
    tabulated = Tables(types, rng.normal(size=(rows, 6 * G)) / 6.0, grid).fold(net)
    near, own = rng.integers(TYPES, size=(ATOMS, SLOTS)), rng.integers(TYPES, size=(ATOMS, 1))
    places = np.array([-1.3, -0.9, 0.1, 0.6, 1.2, 1.9, 2.6, 2.9, 3.4, 0.3, -0.2, 1.6]).reshape(ATOMS, SLOTS)

    def run(fixed, inputs):
        net, near, own = fixed
        return net.vjp(inputs[0], near, own, inputs[1])

    return Subject((tabulated, near, own), (places, rng.uniform(size=(ATOMS, SLOTS))), run)


PREDICTED = {  # of each kind of head: width of the net's output, shape of a type's bias, and the settings
    "energy": (1, (), Invariants(alone=True)),
    "property": (2, (2,), Invariants(scaled=True)),
    "density of states": (2, (2,), Invariants()),
    "dipole": (G, (3,), Dipoles()),
    "diagonal polarizability": (G, (9,), Polarizabilities(True, True, (1.3, 0.7), (0.2, -0.4))),
    "polarizability": (G * G, (9,), Polarizabilities(False, False, (1.3, 0.7), (0.2, -0.4))),
}


@subject("head", *PREDICTED, "energy, type appended", "dipole, type appended")
def _(rng, kind):
    name, _, appended = kind.partition(", ")
    outputs, component, settings = PREDICTED[name]
    layers = net(rng, F + 3 if appended else F, F, 2 * F, G).layers
    own = rng.normal(size=(TYPES, *((outputs,) if component else ())))
    fitting = FittingNet(layers, linear(rng, G, outputs), own, *[None] * 5, False, False)
    readout = settings.fold(*rng.normal(size=(2, TYPES, *component)))
    table = rng.normal(size=(TYPES + 1, 3)) if appended else None
    head = Head(fitting, readout, np.array([1.0, 0.0]), table)
    given = Inputs(np.array([1.0, 1.0, 0.0]), None, None)
    inputs = rng.normal(size=(ATOMS, F)), *([rng.normal(size=(ATOMS, G, 3))] if readout.rotates else [])

    def run(fixed, arrays):
        head, types, given = fixed
        y, pull = head.vjp(arrays[0], arrays[1] if len(arrays) > 1 else None, types, given)
        return y, lambda dy: pull(dy)[: len(arrays)]

    return Subject((head, np.array([0, 1, 0]), given), inputs, run)


@subject("typed embedding of pairs", "concat", "strip switched")
def _(rng, kind):
    types = rng.integers(TYPES, size=(ATOMS, SLOTS))

    def run(fixed, inputs):
        block, near = fixed
        return block.vjp(inputs[0], near[:, :, None], near[:, None, :], inputs[1])

    shape = (ATOMS, SLOTS, SLOTS)
    return Subject((embedding(rng, kind), types), (rng.normal(size=shape), rng.uniform(size=shape)), run)


BLOCK_KINDS = ("concat, zero", "concat, centered", "strip switched, centered", "strip, zero")


@subject("repinit", *BLOCK_KINDS, "concat, centered, smooth attention", "strip, centered, counted attention")
def _(rng, kind):
    layers = tuple(neighbor_attention(rng, kind) for _ in range(2)) if "attention" in kind else ()
    block = RepinitProgram(environment(rng, "centered" in kind), embedding(rng, kind), layers, 2)
    place = hood(rng)
    return Subject((block, place), (place.vectors,), along_vectors(lambda b, p: b.vjp(p)))


@subject("repinit product")
def _(rng):
    block = RepinitProgram(environment(rng, False), embedding(rng, "concat"), (), 2)
    return of_function(block.product_vjp, rng.normal(size=(ATOMS, G, 4)))


@subject("three-body", *BLOCK_KINDS)
def _(rng, kind):
    block = ThreeBodyProgram(environment(rng, "centered" in kind), embedding(rng, kind))
    place = hood(rng)
    return Subject((block, place), (place.vectors,), along_vectors(lambda b, p: b.vjp(p)))


def expansion(rng, owns: int, kinds: int, switched: bool) -> Expansion:
    """Random coefficients of five terms."""
    factors = kinds + 1 if switched else kinds
    return Expansion(rng.normal(size=(owns, G, 5 * factors)), 5, -9.0, 8.0, switched, TYPES)


EXPANDED_KINDS = ("zero", "switched, centered")


@subject("expanded repinit", *EXPANDED_KINDS)
def _(rng, kind):
    parts = environment(rng, "centered" in kind), embedding(rng, "concat"), (), 2
    block = ExpandedRepinit(*parts, expansion=expansion(rng, TYPES, TYPES, "switched" in kind))
    place = hood(rng)
    return Subject((block, place), (place.vectors,), along_vectors(lambda b, p: b.vjp(p)))


@subject("expanded three-body", *EXPANDED_KINDS)
def _(rng, kind):
    parts = environment(rng, "centered" in kind), embedding(rng, "concat")
    block = ExpandedThreeBody(*parts, expansion=expansion(rng, 1, TYPES**2, "switched" in kind))
    place = hood(rng)
    return Subject((block, place), (place.vectors,), along_vectors(lambda b, p: b.vjp(p)))


def neighbor_attention(rng, kind: str) -> NeighborAttention:
    parts = linear(rng, G, 15), linear(rng, 5, G), norm(rng, G)
    return NeighborAttention(*parts, 0.4, "free" not in kind, "no angle" not in kind, weights(kind))


@subject("neighbour attention", "smooth", "smooth, free", "smooth, no angle", "counted", "counted, free")
def _(rng, kind):
    x = features(rng, weights(kind))
    angle = rng.normal(size=(ATOMS, SLOTS, SLOTS))
    constant = "counted" in kind

    def run(fixed, inputs):
        layer, weight = fixed
        y, pull = layer.vjp(inputs[0], weight if constant else inputs[2], inputs[1])

        def pull_back(dy):
            dx, dweight, dangle = pull(dy)
            return (dx, dangle) if constant else (dx, dangle, dweight)

        return y, pull_back

    inputs = (x.pair, angle) if constant else (x.pair, angle, x.switch)
    return Subject((neighbor_attention(rng, kind), x.switch), inputs, run)


@subject("directions of neighbours")
def _(rng):
    return of_function(directions_vjp, rng.normal(size=(ATOMS, SLOTS, 4)))


@subject("all attention in repinit")
def _(rng):
    layers, place = tuple(neighbor_attention(rng, "smooth") for _ in range(2)), hood(rng)
    slots, _ = environment(rng, False).rows_vjp(place)

    def run(fixed, inputs):
        layers, slots = fixed
        return attention_vjp(layers, inputs[0], dataclasses.replace(slots, rows=inputs[1], switch=inputs[2]))

    inputs = rng.normal(size=(G, ATOMS, SLOTS)), rng.normal(size=(ATOMS, SLOTS, 4)), rng.uniform(size=(ATOMS, SLOTS))
    return Subject((layers, slots), inputs, run)


@subject("softmax", 0, 5)
def _(rng, phantoms):
    return of_function(lambda x: softmax_vjp(x, phantoms), 8.0 * rng.normal(size=(ATOMS, SLOTS)) - 10.0)


@subject("weight of a neighbour")
def _(rng):
    def run(fixed, inputs):
        y, pull = SMOOTH.switch_vjp(inputs[0], fixed)
        return y, lambda dy: (pull(dy),)

    return Subject(occupied(rng), (rng.uniform(size=(ATOMS, SLOTS)),), run)


@subject("logits")
def _(rng):
    raw = rng.normal(size=(ATOMS, SLOTS))

    def run(fixed, inputs):
        (scale, offset), pull = SMOOTH.logits_vjp(inputs[0])
        return (scale * fixed, offset), lambda dy: (pull(dy[0] * fixed, dy[1]),)

    return Subject(raw, (rng.uniform(size=(ATOMS, SLOTS)),), run)


@subject("moment")
def _(rng):
    x = features(rng)
    eta = sums(rng).symmetrization

    def run(fixed, inputs):
        return moment_vjp(*inputs, fixed)

    return Subject(eta, (x.direction, x.switch, x.pair), run)


@subject("invariants")
def _(rng):
    return of_function(PairSymmetrization(2).invariants_vjp, rng.normal(size=(ATOMS, 3, G)))


SETTINGS = Repformer(
    cutoff=CUTOFF, inner_cutoff=INNER, max_neighbors=9, atom_dim=F, pair_dim=G, axis=2, frame_attention=True,
    attention_dim=5, attention_heads=HEADS, pair_attention_dim=3, pair_attention_heads=HEADS,
)  # fmt: skip
KINDS = ("smooth", "smooth, gate", "counted", "counted, gate")


def term(rng, kind: type, option: str):
    """A term of section 8.2 with random tensors, ready to run; new terms become subjects by themselves."""
    inputs = [other for other in TERMS if other.width(SETTINGS)]
    width = sum(other.width(SETTINGS) for other in inputs)
    settings = dataclasses.replace(SETTINGS, pair_attention_gate="gate" in option)

    def build(kind):
        take = lambda name, *shape: rng.normal(size=shape) / max(shape[0], 2) ** 0.5  # noqa: E731
        return kind.build(TermContext(settings, take, weights(option), width))

    return build(kind).fold(tuple(map(build, inputs)))


@subject("term", *(f"{kind.__name__}, {option}" for kind in TERMS for option in KINDS))
def _(rng, option):
    name, _, option = option.partition(", ")
    kind = next(kind for kind in TERMS if kind.__name__ == name)
    return of_features(rng, term(rng, kind, option), weights(option))


def attention_map(rng, kind: str) -> AttentionMap:
    return AttentionMap(rng.normal(size=(G, HEADS * G)) / G, "gate" in kind, weights(kind))


@subject("attention map", "smooth", "smooth, gate", "counted", "counted, gate")
def _(rng, kind):
    x, constant = features(rng, weights(kind)), "counted" in kind

    def run(fixed, inputs):
        block, weight = fixed
        y, pull = block.vjp(dataclasses.replace(inputs, switch=weight) if constant else inputs)
        return y, lambda dy: dataclasses.replace(pull(dy), switch=None) if constant else pull(dy)

    inputs = dataclasses.replace(x, switch=None) if constant else x
    return Subject((attention_map(rng, kind), x.switch), inputs, run)


def pair_reader(rng) -> PairReader:
    mix = side_by_side(centered(rng.normal(size=(HEADS, G, G)) / G))
    return PairReader(mix, centered(rng.normal(size=G)), norm(rng, G))


@subject("reader", "pair", "direction")
def _(rng, kind):
    reader = pair_reader(rng) if kind == "pair" else DirectionReader(rng.normal(size=HEADS))

    def run(fixed, inputs):
        attention, x = inputs
        return fixed.vjp(x, attention)

    return Subject(reader, (rng.normal(size=(ATOMS, SLOTS, HEADS, SLOTS)), features(rng)), run)


@subject("repformer step", "smooth", "smooth, average", "counted", "counted, average", "smooth, last")
def _(rng, kind):
    return of_features(rng, step(rng, kind), weights(kind))


def step(rng, kind: str) -> RepformerStep:
    """A layer with every term, each of which is an update of its own or an input of the merged one."""
    kinds = [k for k in TERMS if k.exists(SETTINGS, "last" in kind) and not k.width(SETTINGS)]
    updates = tuple(term(rng, k, kind) for k in kinds)
    if "average" in kind:
        return RepformerStep(updates, Residual((), 0.4, 0.4), Residual((), 0.5, 0.5), Residual((), 0.7, 0.7))
    counts = (len(kinds), 0, 0) if "last" in kind else (len(kinds), len(kinds), len(kinds))
    scales = [tuple(rng.normal(size=(k, n))) for k, n in zip(counts, (F, G, 1), strict=True)]
    return RepformerStep(updates, *(Residual(s) for s in scales))


PAIR_KINDS = ("smooth", "smooth, direct", "counted", "counted, direct")


def initial_pairs(rng, kind: str) -> InitialPairs:
    return InitialPairs(environment(rng, False), linear(rng, 1, G), weights(kind), "direct" in kind, "tanh")


@subject("initial pairs", *PAIR_KINDS)
def _(rng, kind):
    place = hood(rng)

    def call(block, place):
        y, pull = block.vjp(place)
        return y, lambda dy: pull(dy.filled(dataclasses.replace(y, atom=y.switch)))

    return Subject((initial_pairs(rng, kind), place), (place.vectors,), along_vectors(call))


@subject("initial representations", *PAIR_KINDS)
def _(rng, kind):
    repinit = RepinitProgram(environment(rng, True), embedding(rng, "concat"), (), 2)
    three = ThreeBodyProgram(environment(rng, False), embedding(rng, "strip switched"))
    parts = linear(rng, 2 * G + G, F, bias=False), rng.normal(size=(TYPES, F)), initial_pairs(rng, kind)
    block = Initial(repinit, three, *parts, "tanh")
    place = sorted_block(rng)
    return Subject((block, place), (place.vectors,), along_vectors(lambda b, p: b.vjp(p)))


@subject("rotation matrix", "smooth", "counted")
def _(rng, kind):
    x, width = features(rng, weights(kind)), 3

    def run(fixed, inputs):
        y, pull = rotation_vjp(*fixed, Features(direction=inputs[0], switch=inputs[1], pair=inputs[2]))

        def pull_back(dy):
            dx = pull(dy)
            return dx.direction, dx.switch, dx.pair

        return y, pull_back

    inputs = x.direction[:, :width], x.switch[:, :width], x.pair[:, :width]
    return Subject((initial_pairs(rng, kind), sorted_block(rng)), inputs, run)


def sorted_block(rng) -> Chunk:
    """Atoms with neighbours in order of distance, of which the shorter lists are the beginning."""
    place = hood(rng)
    order = np.argsort(np.linalg.norm(place.vectors, axis=-1), axis=1)
    counts = np.array([4, 3, 4]), np.array([3, 2, 2]), np.array([2, 2, 3])
    near = rng.integers(ATOMS, size=(ATOMS, SLOTS))
    return Chunk(
        types=place.types,
        filler=place.filler,
        near=near,
        near_types=place.near_types,
        vectors=np.take_along_axis(place.vectors, order[..., None], axis=1),
        used=place.occupied,
        repinit_count=counts[0],
        three_body_count=counts[1],
        repformer_count=counts[2],
        incoming=np.zeros((ATOMS, 1), dtype=int),
        arriving=np.zeros((ATOMS, 1)),
        three_body_width=3,
        repformer_width=3,
    )
