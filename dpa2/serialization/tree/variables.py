"""The places of arrays in a native tree: below `@variables`, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable

import numpy

from ...errors import FormatError
from ..budget import DICTIONARY, LIST, require_depth, spend
from .legacy import RESIDUALS

ARRAYS_BELOW = {"@variables", *RESIDUALS}  # keys of the nodes that hold arrays


def map_variables(change: Callable, node, inside: bool = False, depth: int = 0):
    """The same tree with `change(variable)` in place of every variable; null stays null."""
    require_depth(depth)
    if inside and is_variable(node):
        return change(node)
    if isinstance(node, (dict, list)):
        spend(2 * (DICTIONARY if isinstance(node, dict) else LIST))  # the new one, and the bookkeeping of making it
    if isinstance(node, dict):
        below = {key: (value, inside or key in ARRAYS_BELOW) for key, value in node.items()}
        return {key: map_variables(change, value, within, depth + 1) for key, (value, within) in below.items()}
    return [map_variables(change, item, inside, depth + 1) for item in node] if isinstance(node, list) else node


def is_variable(node) -> bool:
    """Return whether a node is an array, the plain form of one, or a bare number."""
    if isinstance(node, dict):
        return node.get("@class") == "np.ndarray"
    return node is not None and not isinstance(node, list)


def require_places(node, path: str):
    """Refuse an array at another place, so that settings can be compared like plain values."""
    spend(len(path))
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        if isinstance(child, numpy.ndarray):
            raise FormatError(f"tensor {path}.{key} is not below @variables", tensor=f"{path}.{key}")
        if key not in ARRAYS_BELOW:
            require_places(child, f"{path}.{key}")
