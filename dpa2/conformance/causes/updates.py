"""Mistakes in adding updates and in the products of f (specification sections 8.2, 8.3 and 8.6)."""

from __future__ import annotations

import dataclasses

from ...descriptor.repformer import RepformerStep, present
from ...descriptor.residual import Residual
from ...descriptor.updates import PairProduct
from ...nn.record import listening
from .cause import Cause, each, swap
from .neighbors import all_alike


class AtomsFirst(RepformerStep):
    """A layer whose updates of g and h use f after its own update."""

    def updates_vjp(self, x, sums):
        with listening(None):
            updates, pull = super().updates_vjp(x, sums)
        later = dataclasses.replace(x, atom=self.atom.combine(x.atom, present(updates, "atom")))
        seen = [later if update.atom is None else x for update in updates]
        return [module.vjp(y, sums)[0] for module, y in zip(self.updates, seen, strict=True)], pull


class UnswitchedProduct(PairProduct):
    """The update (f_i ∘ f_a) P, without the switch."""

    def vjp(self, x, sums):
        return super().vjp(all_alike(x), sums)


def added(residual: Residual) -> Residual:
    """Return a residual that adds updates where it should average them."""
    return residual if residual.keep == 1.0 else dataclasses.replace(residual, keep=1.0, share=1.0)


def old_not_counted(residual: Residual) -> Residual:
    """Return a residual whose average does not count the old representation."""
    if residual.keep == 1.0:
        return residual
    root = max(round(residual.keep**-2) - 1, 1) ** -0.5
    return dataclasses.replace(residual, keep=root, share=root)


CAUSES = (
    Cause(
        "old-f-lost",
        "g and h are updated with f as it is after its own update",
        "8.2, trap T13",
        program=swap(RepformerStep, AtomsFirst),
    ),
    Cause(
        "style-ignored",
        "`res_avg` is ignored: updates are added as they are",
        "8.3",
        program=each(Residual, added),
    ),
    Cause(
        "updates-not-counted",
        "`res_avg`: the old representation is not counted in the average",
        "8.3",
        program=each(Residual, old_not_counted),
    ),
    Cause(
        "product-not-switched",
        "the update of g by products of f lacks the switch",
        "8.6",
        program=swap(PairProduct, UnswitchedProduct),
    ),
)
