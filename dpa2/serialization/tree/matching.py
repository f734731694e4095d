"""Comparison of a native tree with the layout that follows from its settings, and the tensors in it.

Arrays must be where the layout has a `TreeArray`, and nowhere else. Settings that are repeated inside the tree must
agree, or be absent as in older files.
"""

from __future__ import annotations

from typing import NoReturn

import numpy

from ...errors import FormatError, UnsupportedModel, shorten
from ..settings.spelling import SYNONYMS, THREE_BODY
from .packing import TreeArray

# Settings that change no result: notes on training, three-body settings where there is no such block.
NOTES = {"trainable", "rcond", "preset_out_bias", *THREE_BODY}


def match(layout, found, path: str) -> dict[str, numpy.ndarray]:
    """The tensors of a tree; `FormatError` or `UnsupportedModel` names the first entry that does not fit the layout."""
    if isinstance(layout, TreeArray):
        return layout.read(found)
    if isinstance(layout, dict):
        return match_node(layout, found, path)
    if isinstance(layout, list) and any(isinstance(item, (dict, TreeArray)) for item in layout):
        return match_list(layout, found, path)
    require_agreement(path, layout, found)
    return {}


def match_list(layout: list, found, path: str) -> dict[str, numpy.ndarray]:
    count = len(found) if isinstance(found, list) else 0
    if count != len(layout):
        absent = first_tensor(layout[count:])
        reason = f"; {absent} is missing" if absent else ""
        raise FormatError(f"{path} has {count} entries, but must have {len(layout)}{reason}", key=path, tensor=absent)
    weights: dict[str, numpy.ndarray] = {}
    for k, (wanted, item) in enumerate(zip(layout, found, strict=True)):
        weights |= match(wanted, item, f"{path}.{k}")
    return weights


def match_node(layout: dict, found, path: str) -> dict[str, numpy.ndarray]:
    if not isinstance(found, dict):
        raise FormatError(f"{path} is missing or not a dictionary", key=path, tensor=first_tensor(layout))
    require_kind(layout, found, path)
    for key in found:
        if key not in layout and not is_empty(found[key]):
            refuse_extra(found[key], f"{path}.{key}")
    weights: dict[str, numpy.ndarray] = {}
    for key, wanted in layout.items():
        if not is_note(key, path) and (key in found or holds_tensors(wanted)):
            weights |= match(wanted, found.get(key), f"{path}.{key}")
    return weights


def is_note(key: str, path: str) -> bool:
    """Return whether a setting changes no result; `env_mat` repeats cutoffs that are not those in use."""
    return key in NOTES or (path.endswith(".env_mat") and key != "use_exp_switch")


def require_kind(layout: dict, found: dict, path: str):
    """Refuse a node of another class or of an unknown version."""
    kind, newest = layout.get("@class"), layout.get("@version")
    if kind and found.get("@class", kind) != kind:
        raise FormatError(f"{path} is of class {shorten(found['@class'])}, not {kind}", key=path)
    version = found.get("@version", newest)
    if newest and (not isinstance(version, int) or version < 1):
        raise FormatError(f"{path} has version {shorten(version)}, which is not a positive whole number", key=path)
    if newest and version > newest:
        what = f"{kind} version {version}"
        hint = "a newer dpa2 may read it"
        raise UnsupportedModel(
            f"{path}: {what} is newer than the newest known one, {newest}; {hint}", what=what, hint=hint
        )


def require_agreement(path: str, wanted, found):
    """Refuse a setting that is repeated inside the tree with another value."""
    key = path.rpartition(".")[2]
    if has_arrays(found):
        refuse_extra(found, path)
    unsaid = is_empty(found) and (is_empty(wanted) or key == "exclude_types")  # which the model leaves out itself
    same = plain_word(key, found) == plain_word(key, wanted) or unsaid
    if key != "@version" and found is not None and not same:
        rule = f"but the settings of the model say {shorten(wanted)}"
        raise FormatError(f"{path} = {shorten(found)}, {rule}", key=path)


def plain_word(key: str, value):
    """The value in its usual spelling."""
    if key == "precision" and isinstance(value, str):
        return SYNONYMS.get(value, value)
    if key == "activation_function" and isinstance(value, str):
        return value.lower().replace("linear", "none")
    return value


def refuse_extra(value, path: str) -> NoReturn:
    """Refuse an array or a setting that the layout does not have."""
    if has_arrays(value):
        raise FormatError(f"tensor {path} belongs to no part of this model", tensor=path)
    what = f"{path} = {shorten(value)}"
    raise UnsupportedModel(f"{what}: unknown setting", what=what, key=path)


def is_empty(value) -> bool:
    """Return whether a value is null, false, empty, or a collection of such values."""
    if isinstance(value, numpy.ndarray):
        return False
    if isinstance(value, dict):
        return all(is_empty(v) for k, v in value.items() if k not in ("@class", "@version"))
    return all(map(is_empty, value)) if isinstance(value, list) else not value


def has_arrays(value) -> bool:
    if isinstance(value, dict):
        return any(map(has_arrays, value.values()))
    return any(map(has_arrays, value)) if isinstance(value, list) else isinstance(value, numpy.ndarray)


def holds_tensors(layout) -> bool:
    return first_tensor(layout) is not None


def first_tensor(layout) -> str | None:
    """Name of a tensor that belongs below this node, or None."""
    if isinstance(layout, TreeArray):
        return next(iter(layout.names), None)
    children = layout.values() if isinstance(layout, dict) else layout if isinstance(layout, list) else ()
    return next(filter(None, map(first_tensor, children)), None)


def fill(layout, weights: dict[str, numpy.ndarray]):
    """The tree with an array in place of each `TreeArray`."""
    if isinstance(layout, TreeArray):
        return layout.write(weights)
    if isinstance(layout, dict):
        return {key: fill(value, weights) for key, value in layout.items()}
    return [fill(value, weights) for value in layout] if isinstance(layout, list) else layout
