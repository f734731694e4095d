"""Mistakes in the initial representations (specification sections 7 and 8.1)."""

from __future__ import annotations

from .cause import Cause, put

CAUSES = (
    Cause(
        "first-activation-missing",
        "no activation after the shape transform",
        "7.3",
        program=put("descriptor.initial.activation", "linear"),
    ),
    Cause(
        "pair-activation-missing",
        "no activation after the first embedding of pairs",
        "8.1",
        program=put("descriptor.initial.pairs.activation", "linear"),
    ),
    Cause("direct-ignored", "`direct_dist` is ignored", "8.1", config=put("repformer.direct_distance", False)),
)
