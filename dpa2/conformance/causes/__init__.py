"""Known causes of differences: common mistakes, each with its section of the specification and a change of the model.

The mistakes are those of section 18 of the specification, and others that implementations have made. Each gives the
numbers of an implementation that stores every slot and makes the mistake. A mistake that can be made in several blocks
can be made in one of them alone; that is a cause of its own.

A cause is a function from a model to another model. The given model stays as it is: modules of the tree are replaced
by others, which compute values only, so other threads can use the given model meanwhile.
"""

from __future__ import annotations

from . import (
    attention,
    empty_slots,
    energy,
    environment,
    heads,
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
    *heads.CAUSES,
)
