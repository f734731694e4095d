"""DPA-2 descriptors anywhere in a native tree: in models of other kinds, beside other descriptors, or alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy

from ...errors import InputError, UnsupportedModel
from ..budget import require_depth, spend
from ..checkpoint import Checkpoint
from ..inventory import inventory
from ..settings.spelling import Sections, config_of_sections
from .layout import descriptor_node
from .legacy import modernize
from .matching import match
from .native_tree import require_kind, require_layers, require_sections, with_tables
from .variables import require_places


def tree_to_descriptor(root: dict, part: str | None = None) -> Checkpoint:
    """Return the descriptor of a tree as a model whose head is zero.

    part: the path of its node, where there are several. Raises `InputError` for a part that is not there, or if there
    are several and none is named; `UnsupportedModel` if there is none.
    """
    found = dict(descriptors(root))
    if not found:
        what = "no DPA-2 descriptor"
        raise UnsupportedModel(f"holds {what}", what=what)
    if (part is None and len(found) > 1) or (part is not None and part not in found):
        asked = f"no part {part!r}" if part else "several DPA-2 descriptors"
        rule = f"holds {asked}; name one with part=, of: {', '.join(found)}"
        raise InputError(rule, argument="part", parts=list(found))
    path = next(iter(found)) if part is None else part
    node, around = found[path]
    return with_zero_head(node, excluded_pairs(around), path)


def descriptors(node, path: str = "", around: tuple = (), depth: int = 0) -> Iterator[tuple[str, tuple]]:
    """Yield the path of each node of a DPA-2 descriptor, with the node and the models around it, the nearest last."""
    require_depth(depth)
    spend(len(path))
    if isinstance(node, dict) and node.get("type") == "dpa2" and "repinit_args" in node:
        yield path, (node, around)
        return
    around = (*around, node) if isinstance(node, dict) and node.get("@class") == "Model" else around
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield from descriptors(child, f"{path}.{key}" if path else str(key), around, depth + 1)


def excluded_pairs(around: tuple[dict, ...]) -> list:
    """Return the pairs of types that the model around a descriptor excludes.

    Raises `UnsupportedModel` where a model around that one excludes pairs, too.
    """
    *outer, nearest = [model.get("pair_exclude_types") or [] for model in around] or [[]]
    if any(outer):
        what = "pair_exclude_types of a model of models"
        raise UnsupportedModel(f"{what}: what they mean for its parts is not known", what=what)
    return nearest


def with_zero_head(node: dict, excluded: list, path: str) -> Checkpoint:
    """Return the descriptor of a node as a model that excludes pairs of types."""
    require_places(node, path)
    require_kind(node, path, "Descriptor", "dpa2", (1, 2, 3, 4))
    require_sections(node, path)
    node = modernize(node)
    whole = {"type_map": node.get("type_map"), "pair_exclude_types": excluded}
    sections = Sections(whole, node, node["repinit_args"], node["repformer_args"], {})
    paths = Sections(path, path, f"{path}.repinit_args", f"{path}.repformer_args", "fitting")
    config = with_tables(config_of_sections(sections, paths), node.get("repinit_variable"))
    require_layers(config, node, path)
    weights = match(descriptor_node(config), node, path)
    head = {name: numpy.zeros(t.shape, t.dtype) for name, t in inventory(config).items() if name not in weights}
    return Checkpoint(config, weights | head | {"deviation": head["deviation"] + 1.0}, {"part": path})
