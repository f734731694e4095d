"""Heads that share parts: the same arrays stand in the models of all of them.

Source: section 10 of the specification of training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ...fitting.atomic_model import AtomicModel
from ...model.model import Model
from ..script.links import Link


def shared(models: Mapping[str, Model], links: Sequence[Link] | None = None) -> dict[str, Model]:
    """Return models of heads that share parts, as links say: those of the base of each link.

    links: without them, all heads share the descriptor of the first.
    """
    found = dict(models)
    for link in [Link("descriptor", dict.fromkeys(models, 0))] if links is None else links:
        base = found[link.base].weights
        for head, level in link.levels.items():
            weights = with_part(found[head].weights, base, link.part, level)
            found[head] = replace(found[head], weights=weights)
    return found


def with_part(own: AtomicModel, base: AtomicModel, part: str, level: int) -> AtomicModel:
    """Return weights with a part of other weights in its place."""
    if part == "fitting_net":
        return replace(own, fitting=replace(base.fitting, bias=own.fitting.bias, case=own.fitting.case))
    if level == 1:
        return replace(own, descriptor=replace(own.descriptor, type_embedding=base.descriptor.type_embedding))
    return replace(own, descriptor=replace(base.descriptor, type_transform=own.descriptor.type_transform))


def group_of(links: Sequence[Link], head: str, part: str) -> tuple[str, ...]:
    """Return the heads that share a whole part with a head, the base first; the head alone if none does."""
    return next((link.whole for link in links if link.part == part and head in link.whole), (head,))
