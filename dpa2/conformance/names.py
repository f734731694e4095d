"""Aliases of the names in the trace table, and suggestions for unknown names."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches

import numpy as np

from ..errors import InputError, TargetFailed
from ..structures.system import host_array

ALIASES = {  # these are applied one after another; {last} is the number of the last layer
    r"^layer(\d+)/": r"repformer/layer\1/",
    r"^(?:repformer/)?layers?[./](\d+)[./]": r"repformer/layer\1/",
    r"^forces$": "force",
    r"^energies$": "energy",
    r"^(?:atom_energies|atomic_energy|atomic_energies)$": "atom_energy",
    r"^global_dipole$": "dipole",  # DeePMD-kit's names
    r"^global_polar$": "polarizability",
    r"^polar$": "atom_polarizability",
    r"^(?:rot_mat|rotation)$": "repformer/rot_mat",
    r"^g1_shape_tranform$": "g1_shape_transform",
    r"^nlist$": "nlist/ri",
    r"^g1$": "descriptor",  # DeePMD-kit's name of this output of a descriptor
    r"^(g2|h2)$": r"repformer/layer{last}/\1",
    r"^sw$": "repformer/sw",
}


def renamed(found: Mapping[str, np.ndarray], reference: Collection[str]) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return arrays under the names of the table, and the given names that `reference` does not have.

    A name with None in place of an array is as if it were not given.

    >>> given, others = renamed({"forces": [1.0], "mine": [2.0]}, ["force"])
    >>> sorted(given), others
    (['force'], ['mine'])
    """
    found = {name: value for name, value in found.items() if value is not None}
    meanings = {name: name if name in reference else canonical(str(name), reference) for name in found}
    known = {meaning: plain(name, found[name]) for name, meaning in meanings.items() if meaning in reference}
    return known, [str(name) for name, meaning in meanings.items() if meaning not in reference]


def plain(name: str, value) -> np.ndarray:
    """Return an array of any library, or nested lists, as a NumPy array."""
    try:
        array = host_array(value, name)
    except InputError as error:
        raise TargetFailed(str(error), name=name) from error
    return array.astype("float64") if array.dtype.kind == "b" else array


def canonical(name: str, reference: Collection[str]) -> str:
    """Return the name in the table that an alias stands for."""
    layers = re.findall(r"repformer/layer(\d+)/g1\n", "\n".join(reference) + "\n")
    for pattern, meaning in ALIASES.items():
        name = re.sub(pattern, meaning.replace("{last}", max(layers, key=int, default="0")), name)
    return name


def suggestion(name: str, reference: Collection[str]) -> str:
    """Return a name, with the most similar name of `reference` in parentheses.

    >>> suggestion("repinit/envmat", ["repinit/env_mat", "force"])
    'repinit/envmat (repinit/env_mat?)'
    """
    near = get_close_matches(name, reference, n=1)
    return f"{name} ({near[0]}?)" if near else name
