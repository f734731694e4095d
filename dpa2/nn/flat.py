"""A tree as the list of its leaves, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .module import array_fields, is_module, map_leaves


def flattened(tree: Any) -> list[Any]:
    """Return the leaves of a tree of modules, tuples and arrays, in order; what is None has none."""
    if tree is None:
        return []
    if isinstance(tree, tuple | list):
        return [leaf for item in tree for leaf in flattened(item)]
    if not is_module(tree):
        return [tree]
    return [leaf for field in array_fields(tree.__class__) for leaf in flattened(getattr(tree, field.name))]


def refilled(tree: Any, leaves: Sequence[Any]) -> Any:
    """Return the same tree with other leaves, in the order of `flattened`."""
    rest = iter(leaves)
    return map_leaves(lambda _, leaf: next(rest), tree)
