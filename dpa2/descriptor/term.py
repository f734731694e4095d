"""Terms of a repformer layer: its updates, and what the merged update of f takes in (specification section 8.2).

A term says itself when it exists, how it is built, and what it computes. `repformer.TERMS` has them in order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from ..nn.building import Take
from ..nn.record import Intermediate
from .features import Features, Sums
from .weighting import Counted, Smooth


@dataclass(frozen=True)
class TermContext:
    """The settings and tensors that a term is built from.

    settings: the `Repformer` section of a configuration. take: the term's tensors by name. weighting: how neighbours
    count. merged_width: how many channels the merged update takes in.
    """

    settings: Any
    take: Take
    weighting: Smooth | Counted
    merged_width: int


class Term:
    """One term of a layer.

    name: of its tensors below the layer. updated: the representations that it updates; none for an input of
    the merged update. intermediates: what it records.
    """

    name: ClassVar[str]
    updated: tuple[str, ...] = ()
    intermediates: ClassVar[tuple[Intermediate, ...]] = ()

    @classmethod
    def exists(cls, settings: Any, last: bool) -> bool:
        """Return whether a layer has the term; the last layer updates f alone."""
        raise NotImplementedError

    @classmethod
    def width(cls, settings: Any) -> int:
        """Return how many channels the term adds to the input of the merged update."""
        return 0

    @classmethod
    def build(cls, context: TermContext) -> Term:
        """Return the term with its tensors."""
        raise NotImplementedError

    def vjp(self, x: Features, sums: Sums) -> tuple[Any, Callable[[Any], Features]]:
        """Return the update (`Features`), or an input of the merged one (an array), and the pullback to `Features`."""
        raise NotImplementedError

    def fold(self, inputs: tuple) -> Any:
        """Return the term ready to run; `inputs` are the layer's terms that the merged update takes in."""
        return self
