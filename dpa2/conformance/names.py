"""Other words for the names of the trace table, and what to say of a name that is none."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches

import numpy as np

from ..errors import InputError, TargetFailed
from ..structures.system import host_array

ALIASES = {  # in turn; {last} is the number of the last layer
    r"^layer(\d+)/": r"repformer/layer\1/",
    r"^(?:repformer/)?layers?[./](\d+)[./]": r"repformer/layer\1/",
    r"^forces$": "force",
    r"^energies$": "energy",
    r"^(?:atom_energies|atomic_energy|atomic_energies)$": "atom_energy",
    r"^(?:rot_mat|rotation)$": "repformer/rot_mat",
    r"^g1_shape_tranform$": "g1_shape_transform",
    r"^nlist$": "nlist/ri",
    r"^g1$": "descriptor",  # as a descriptor's outputs are called
    r"^(g2|h2)$": r"repformer/layer{last}/\1",
    r"^sw$": "repformer/sw",
}


def renamed(found: Mapping[str, np.ndarray], reference: Collection[str]) -> tuple[dict[str, np.ndarray], list[str]]:
    """What was given by the names of the table, and the names that are none of those in `reference`.

    >>> given, others = renamed({"forces": [1.0], "mine": [2.0]}, ["force"])
    >>> sorted(given), others
    (['force'], ['mine'])
    """
    meanings = {name: name if name in reference else canonical(str(name), reference) for name in found}
    known = {meaning: plain(name, found[name]) for name, meaning in meanings.items() if meaning in reference}
    return known, [str(name) for name, meaning in meanings.items() if meaning not in reference]


def plain(name: str, value) -> np.ndarray:
    """An array of any library, or nested lists, as NumPy's."""
    try:
        array = host_array(value, name)
    except InputError as error:
        raise TargetFailed(str(error), name=name) from error
    return array.astype("float64") if array.dtype.kind == "b" else array


def canonical(name: str, reference: Collection[str]) -> str:
    """The table's name for an alias."""
    layers = re.findall(r"repformer/layer(\d+)/g1\n", "\n".join(reference) + "\n")
    for pattern, meaning in ALIASES.items():
        name = re.sub(pattern, meaning.replace("{last}", max(layers, key=int, default="0")), name)
    return name


def suggestion(name: str, reference: Collection[str]) -> str:
    """The name that may have been meant.

    >>> suggestion("repinit/envmat", ["repinit/env_mat", "force"])
    'repinit/envmat (repinit/env_mat?)'
    """
    near = get_close_matches(name, reference, n=1)
    return f"{name} ({near[0]}?)" if near else name
