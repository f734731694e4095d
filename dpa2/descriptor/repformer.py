"""The repformer layer: one step of message passing, (f, g, h) → (f′, g′, h′) (specification section 8).

All updates read the layer's input. An update that the configuration turns off is not in the tree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..nn.arrays import Array, Float
from ..nn.module import module
from ..nn.record import Intermediate, record
from ..nn.roles import Configured, inline, parameter, static
from .convolution import Convolution, NarrowConvolution
from .features import Features, Sums, UpdateVJP
from .local_attention import LocalAttention
from .merge import Merge
from .pair_attention import PairAttention
from .residual import Residual, make_residual
from .symmetrization import NeighborSymmetrization, PairSymmetrization
from .term import Term
from .updates import AtomMLP, OwnFeatures, PairMLP, PairProduct

TERMS: tuple[type[Term], ...] = (  # section 8.2, in the order in which updates are added
    OwnFeatures,
    AtomMLP,
    Convolution,
    NarrowConvolution,
    PairSymmetrization,
    NeighborSymmetrization,
    Merge,
    LocalAttention,
    PairMLP,
    PairProduct,
    PairAttention,
)
INTERMEDIATES = (  # of a layer, in the order of computation
    Intermediate("g1_nei", "atom rf f", "8.2"),
    *dict.fromkeys(row for term in TERMS for row in term.intermediates),
    Intermediate("g1", "atom f", "8.3"),
    Intermediate("g2", "atom rf g", "8.3"),
    Intermediate("h2", "atom rf 3", "8.3"),
)
UPDATED = ("atom", "pair", "direction")


@module
class RepformerStep:
    """A layer ready to run: its updates in order, and how each representation takes them in."""

    updates: tuple[Any, ...]
    atom: Residual
    pair: Residual
    direction: Residual

    def vjp(self, x: Features, sums: Sums) -> UpdateVJP:
        """The new (f, g, h); the pullback gives cotangents of f, of the neighbours' f, of g, h and of the weights."""
        record("g1_nei", x.near)
        updates, pull_back = self.updates_vjp(x, sums)
        new = {n: getattr(self, n).combine(getattr(x, n), present(updates, n)) for n in UPDATED}
        record("g1", new["atom"])
        record("g2", new["pair"])
        record("h2", new["direction"])
        return Features(atom=new["atom"], pair=new["pair"], direction=new["direction"], switch=x.switch), pull_back

    def pullback(self, x: Features, sums: Sums) -> Callable[[Features], Features]:
        """The pullback alone, where the new (f, g, h) are known already."""
        return self.updates_vjp(x, sums)[1]

    def updates_vjp(self, x: Features, sums: Sums) -> tuple[Sequence[Features], Callable[[Features], Features]]:
        """Return the updates, and the pullback from the cotangents of the new representations."""
        updates, pulls = zip(*(update.vjp(x, sums) for update in self.updates), strict=True)

        def pull_back(dy: Features) -> Features:
            dx = Features(switch=dy.switch, **{n: getattr(self, n).carry(getattr(dy, n)) for n in UPDATED})
            place = dict.fromkeys(UPDATED, 0)
            for update, pull in zip(updates, pulls, strict=True):
                named = [n for n in UPDATED if getattr(update, n) is not None]
                dx = dx + pull(Features(**{n: getattr(self, n).scale(place[n]) * getattr(dy, n) for n in named}))
                place |= {n: place[n] + 1 for n in named}
            return dx

        return updates, pull_back


def present(updates: Iterable[Features], name: str) -> list[Array]:
    """Return the updates of one representation."""
    return [getattr(update, name) for update in updates if getattr(update, name) is not None]


@module
class RepformerLayer:
    """The weights of one layer: its terms, and the trained scales of their updates, if there are such."""

    terms: tuple[Term, ...] = inline()
    atom_scale: tuple[Float[Array, "f"], ...] = parameter(Configured())
    pair_scale: tuple[Float[Array, "g"], ...] = parameter(Configured())
    frame_scale: tuple[Float[Array, "1"], ...] = parameter(Configured())
    residual: str = static()

    def fold(self) -> RepformerStep:
        """Return the layer ready to run."""
        inputs = tuple(term for term in self.terms if not term.updated)
        updates = tuple(term.fold(inputs) for term in self.terms if term.updated)
        count = count_updates(self.terms)
        return RepformerStep(
            updates=updates,
            atom=make_residual(self.residual, self.atom_scale, count["atom"]),
            pair=make_residual(self.residual, self.pair_scale, count["pair"]),
            direction=make_residual(self.residual, self.frame_scale, count["direction"]),
        )


def count_updates(terms: tuple[Term, ...]) -> Counter[str]:
    """Return how many updates each representation has."""
    return Counter(name for term in terms for name in term.updated)
