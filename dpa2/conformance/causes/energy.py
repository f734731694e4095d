"""Mistakes in computing the energy from f (specification sections 10 to 12)."""

from __future__ import annotations

import numpy as np

from ...fitting.head import Head
from .cause import Cause, at, swap


class TypesFirst(Head):
    """A fitting net with the input [E(type) | f]."""

    def with_types(self, f, embedded):
        return np.concatenate([embedded, f], axis=-1)


CAUSES = (
    Cause(
        "type-before-f",
        "the type embedding is put before f, not after it",
        "10",
        program=swap(Head, TypesFirst),
    ),
    Cause("atom-bias-missing", "`bias_atom_e` is not added", "11", weights=at("fitting.bias", np.zeros_like)),
    Cause("output-bias-missing", "`out_bias` is not added", "12.2", weights=at("bias", np.zeros_like)),
)
