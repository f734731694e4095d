"""Mistakes in the type embedding (specification section 4)."""

from __future__ import annotations

from ...descriptor.type_embedding import TypeEmbedding
from .cause import Cause, swap
from .networks import TypesWithoutSkip

CAUSES = (
    Cause(
        "type-skip-missing",
        "type embedding: the hidden skip connection is missing",
        "4, trap T8",
        weights=swap(TypeEmbedding, TypesWithoutSkip),
    ),
)
