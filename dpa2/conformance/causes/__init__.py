"""Known causes of differences: what was done wrong, where the specification says it, and the reference made so.

Source: section 18 of the specification, and what people have got wrong. Each is what an implementation with every slot
computes, too; what is done in several blocks can be done wrong in one of them alone, which is a cause of its own.

A cause is a function from a model to another model. Nothing that exists is changed: modules of the tree are replaced
by others, which compute values only, so other threads go on with the model they have.
"""

from __future__ import annotations

from . import (
    attention,
    empty_slots,
    energy,
    environment,
    initial,
    networks,
    repinit,
    sums,
    three_body,
    type_embedding,
    updates,
)
from .cause import Cause

CAUSES: tuple[Cause, ...] = (  # in the order of the specification
    *environment.CAUSES,
    *networks.CAUSES,
    *type_embedding.CAUSES,
    *repinit.CAUSES,
    *three_body.CAUSES,
    *initial.CAUSES,
    *updates.CAUSES,
    *sums.CAUSES,
    *attention.CAUSES,
    *empty_slots.CAUSES,
    *energy.CAUSES,
)
