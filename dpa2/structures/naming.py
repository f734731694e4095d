"""Names of types in structures that are other than a model's, such as OW for O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..errors import InputError, shorten


def renaming(pairs: Mapping[str, str], type_map: Sequence[str]) -> dict[str, str]:
    """Return the model's type for each name in structures; one side of each pair is one of the model's types.

    {"OW": "O"} makes atoms OW those of a model's type O; where OW is the model's type, atoms O those of OW.

    Raises `InputError` for a pair of which neither side, or each, is a type of the model, and for a name with two.

    >>> renaming({"OW": "O", "HW": "H"}, ("O", "H")), renaming({"OW": "O"}, ("OW", "HW"))
    ({'OW': 'O', 'HW': 'H'}, {'O': 'OW'})
    """
    if not isinstance(pairs, Mapping):
        raise InputError(f"types: {shorten(pairs)} are no pairs of names, as {{'OW': 'O'}}", argument="types")
    found: dict[str, str] = {}
    for one, other in pairs.items():
        if one in type_map and other in type_map and one != other:
            rule = "both are types of the model, so it is not clear which atoms are meant"
            raise InputError(f"types: {one}={other}: {rule}", argument="types")
        name, kind = (one, other) if other in type_map else (other, one)
        if kind not in type_map:
            rule = f"neither is a type of the model, which knows {', '.join(type_map)}"
            raise InputError(f"types: {one}={other}: {rule}", argument="types")
        if found.setdefault(name, kind) != kind:
            raise InputError(f"types: {name} is given two types, {found[name]} and {kind}", argument="types")
    return found


def parsed_pairs(text: str) -> dict[str, str]:
    """Return the pairs of a text.

    >>> parsed_pairs("OW=O,HW=H")
    {'OW': 'O', 'HW': 'H'}
    """
    pairs = [pair.split("=") for pair in text.split(",")]
    if not all(len(pair) == 2 and pair[0].strip() and pair[1].strip() for pair in pairs):
        raise InputError(f"types: {text!r} is not of the form OW=O,HW=H", argument="types")
    found = {one.strip(): other.strip() for one, other in pairs}
    if len(found) < len(pairs):
        raise InputError(f"types: {text!r} names a type twice", argument="types")
    return found
