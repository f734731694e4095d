"""The DPA-2 descriptor: repinit, then layer upon layer of the repformer, over chunks of atoms.

The forward pass keeps what each layer was given, and the pullback goes back through one layer after another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..nn.arrays import Array, Float, Int, array_namespace, flat, take_rows
from ..nn.layers import Linear
from ..nn.module import module, static
from ..nn.record import record, scope
from .chunk import Chunk
from .environment import Environment
from .exchange import ALONE, Exchange
from .features import Features, Links
from .initial import Initial, InitialPairs
from .repformer import RepformerLayer, RepformerStep
from .repinit import Repinit
from .runner import Gather, Runner, Stage
from .symmetrization import moment_vjp
from .three_body import ThreeBody
from .type_embedding import TypeEmbedding
from .weighting import Counted, Smooth

# From the cotangents of every chunk's features: those of its vectors; those before the layers, and what edges add to f.
VectorsPullback = Callable[[Sequence[Features]], list[Array]]
LayersPullback = Callable[[Sequence[Features]], tuple[Sequence[Features], Array | None]]


@module
class Repformer:
    """The weights of the repformer."""

    environment: Environment
    pair_embedding: Linear
    layers: tuple[RepformerLayer, ...]
    weighting: Smooth | Counted = static()
    direct_distance: bool = static()
    activation: str = static()


@module
class Descriptor:
    """The weights of a DPA-2 descriptor."""

    type_embedding: TypeEmbedding
    repinit: Repinit
    three_body: ThreeBody | None
    shape_transform: Linear | None
    type_transform: Linear | None
    repformer: Repformer
    append_type: bool = static()

    def fold(self) -> DescriptorProgram:
        """The descriptor ready to run: everything that depends on weights alone is computed here, once."""
        table, repformer = self.type_embedding.table(), self.repformer
        pairs = InitialPairs(
            repformer.environment.fold(),
            repformer.pair_embedding,
            repformer.weighting,
            repformer.direct_distance,
            repformer.activation,
        )
        initial = Initial(
            self.repinit.fold(table),
            None if self.three_body is None else self.three_body.fold(table),
            self.shape_transform,
            None if self.type_transform is None else self.type_transform(table),
            pairs,
            repformer.activation,
        )
        steps = tuple(layer.fold() for layer in repformer.layers)
        return DescriptorProgram(initial, steps, table if self.append_type else None)


@module
class DescriptorProgram:
    """The descriptor ready to run over chunks of atoms.

    `backend.run(function, shared, *lists)` calls `function(*shared, *items)` for the items of every chunk and returns
    the list of results; it is the back end's to compile and to spread over threads. `backend.run_stage` does so with a
    function that is gone back through. `backend.joiner()` gives a function that lays arrays end to end, perhaps with
    rows to spare behind; each call may take the memory of what the one before gave.
    """

    initial: Initial
    steps: tuple[RepformerStep, ...]
    table: Float[Array, "types_and_padding embedding"] | None

    def vjp(
        self, chunks: Sequence[Chunk], backend: Runner, exchange: Exchange = ALONE
    ) -> tuple[Sequence[Features], VectorsPullback]:
        """The final `Features` of every chunk; `pull` takes their cotangents and gives those of the vectors."""
        begun, pull_initial = backend.run_stage(INITIAL, (self.initial,), chunks)
        starts, links = zip(*begun, strict=True)
        states, pull_layers = self.layers_vjp(links, starts, backend, exchange)

        def pull_back(cotangents: Sequence[Features]) -> list[Array]:
            parts, edges = pull_layers(cotangents)
            return pull_initial((edges,), links, parts)

        return states, pull_back

    def layers_vjp(
        self, links: Sequence[Links], states: Sequence[Features], backend: Runner, exchange: Exchange
    ) -> tuple[Sequence[Features], LayersPullback]:
        """The `Features` after all layers; `pull` gives each chunk's part of those before, and what edges add to f."""
        pulls = []
        for k, step in enumerate(self.steps):
            atoms = exchange.with_remote(backend.joiner()([s.atom for s in states]))
            with scope(f"repformer/layer{k}/"):
                states, pull = backend.run_stage(LAYER, (step, atoms), links, states)
            pulls.append(pull)

        def pull_back(parts: Sequence[Features]) -> tuple[Sequence[Features], Array | None]:
            join, edges = backend.joiner(), None
            for pull in reversed(pulls):
                parts, edges = zip(*pull((edges,), parts), strict=True)
                edges = join(edges)
                parts = exchange.with_owed(parts, edges)
            return parts, edges

        return states, pull_back

    def output(self, chunk: Chunk, state: Features) -> Float[Array, "atom descriptor"]:
        """The descriptor of a chunk: f, and the type's embedding behind it (section 10)."""
        if self.table is None:
            return state.atom
        return array_namespace(state.atom).concat([state.atom, take_rows(self.table, chunk.types)], axis=-1)


def initial_vjp(initial: Initial, chunk: Chunk) -> tuple[tuple[Features, Links], Callable]:
    """The features with which a chunk starts, and what its layers need to know of it; the pullback to the vectors."""
    features, pull = initial.vjp(chunk)

    def pull_back(edges: Float[Array, "edge f"] | None, links: Links, part: Features) -> Array:
        return pull(collected(edges, links, part))

    return (features, chunk.links(initial.pairs.sums(chunk))), pull_back


def begin(initial: Initial, chunk: Chunk) -> tuple[Features, Links]:
    """The features with which a chunk starts, and what its layers need to know of it."""
    return initial_vjp(initial, chunk)[0]


def return_to_vectors(
    initial: Initial, edges: Float[Array, "edge f"] | None, chunk: Chunk, links: Links, part: Features
) -> Float[Array, "atom neighbor 3"]:
    """The gradient with respect to the vectors of a chunk's edges."""
    return initial.vjp(chunk)[1](collected(edges, links, part))


def layer_vjp(
    step: RepformerStep, atoms: Float[Array, "row f"], links: Links, state: Features
) -> tuple[Features, Callable]:
    """One layer on one chunk; `pull` gives its own cotangent, and that of the neighbours' f, edge by edge."""
    y, pull = layer_of_edges_vjp(step, edges_from(atoms, links), links, state)
    return y, lambda edges, part: pull(None if edges is None else arriving(edges, links), part)


def layer_of_edges_vjp(
    step: RepformerStep, near: Float[Array, "edge f"], links: Links, state: Features
) -> tuple[Features, Callable]:
    """The same from the neighbours' f; `pull` takes what edges bring to the atoms of the chunk, and its own part."""
    x = with_near(near, links, state)
    y, pull = step.vjp(x, links.sums)
    return y, lambda arrived, part: back_through_layer(pull, x, state, with_arrived(part, arrived))


def with_near(near: Float[Array, "edge f"], links: Links, state: Features) -> Features:
    """A chunk's features together with the neighbours' f."""
    array = array_namespace(near).reshape(near, (*links.near.shape, -1))
    return Features(state.atom, array, state.pair, state.direction, state.switch)


def with_arrived(part: Features, arrived: Float[Array, "atom f"] | None) -> Features:
    """A chunk's cotangent: its own part, and what edges bring to its atoms."""
    return part if arrived is None else part + Features(atom=arrived)


def back_through_layer(
    pull: Callable[[Features], Features], x: Features, state: Features, part: Features
) -> tuple[Features, Float[Array, "edge f"]]:
    """A chunk's own cotangent, and that of the neighbours' f, edge by edge, by the pullback of a layer at x."""
    dx = pull(part.filled(state)).filled(x)
    return Features(atom=dx.atom, pair=dx.pair, direction=dx.direction, switch=dx.switch), flat(dx.near)


def advance(step: RepformerStep, atoms: Float[Array, "row f"], links: Links, state: Features) -> Features:
    """One layer on one chunk."""
    return layer_vjp(step, atoms, links, state)[0]


def retreat(
    step: RepformerStep,
    atoms: Float[Array, "row f"],
    edges: Float[Array, "edge f"] | None,
    links: Links,
    state: Features,
    part: Features,
) -> tuple[Features, Float[Array, "edge f"]]:
    """Back through one layer on one chunk."""
    x = with_near(edges_from(atoms, links), links, state)
    return back_through_layer(step.pullback(x, links.sums), x, state, collected(edges, links, part))


def advance_by_edges(step: RepformerStep, near: Float[Array, "edge f"], links: Links, state: Features) -> Features:
    """One layer on one chunk, from the neighbours' f."""
    return layer_of_edges_vjp(step, near, links, state)[0]


def edges_from(atoms: Float[Array, "row f"], links: Links) -> Float[Array, "edge f"]:
    """The neighbours' f of a chunk, edge by edge."""
    return take_rows(atoms, flat(links.near))


def arriving(edges: Float[Array, "edge f"], links: Links) -> Float[Array, "atom f"]:
    """The sum over all edges that lead to each atom of a chunk."""
    return sum_of_edges(edges, links.incoming, links.arriving)


def sum_of_edges(
    edges: Float[Array, "edge f"], incoming: Int[Array, "atom slot"], mask: Float[Array, "atom slot"]
) -> Float[Array, "atom f"]:
    """The sum over the edges at the positions in each row, where the mask is 1."""
    return (mask[:, None, :] @ take_rows(edges, incoming))[:, 0, :]


def collected(edges: Float[Array, "edge f"] | None, links: Links, part: Features) -> Features:
    """A chunk's cotangent: its own part, and what all edges that lead to its atoms contribute."""
    return with_arrived(part, None if edges is None else arriving(edges, links))


INITIAL = Stage(initial_vjp, begin, return_to_vectors)
LAYER = Stage(layer_vjp, advance, retreat, Gather(edges_from, layer_of_edges_vjp, advance_by_edges, arriving))


def rotation(pairs: InitialPairs, chunk: Chunk, state: Features) -> Float[Array, "atom g 3"]:
    """The rotation matrix of section 8.8: equivariant, from the final g and h."""
    return rotation_vjp(pairs, chunk, state)[0]


def rotation_vjp(pairs: InitialPairs, chunk: Chunk, state: Features) -> tuple[Array, Callable[[Array], Features]]:
    """The rotation matrix (atom, g, 3); `pull` gives the cotangent of the final features."""
    moment, pull = moment_vjp(state.direction, state.switch, state.pair, pairs.sums(chunk).symmetrization)
    record("repformer/rot_mat", moment, (0, 2, 1))

    def pull_back(drotation: Float[Array, "atom g 3"]) -> Features:
        ddirection, dswitch, dpair = pull(drotation.mT)
        return Features(direction=ddirection, switch=dswitch, pair=dpair)

    return moment.mT, pull_back


def switches(pairs: InitialPairs, chunk: Chunk) -> Float[Array, "atom neighbor"]:
    """The repformer's switch, 0 where there is no neighbour."""
    hood = pairs.hood(chunk)
    return pairs.environment.vjp(hood.types, hood.vectors)[0][1] * hood.occupied
