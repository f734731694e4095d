"""DeePMD-kit's words for what a model predicts: the type of its fitting net, and the settings of each type.

Source: section 21.4 of the specification.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...config import ENERGY, DPA2Config

CONSTANT = "constant_matrix"  # a setting of polarizabilities that native trees alone have


@dataclass(frozen=True)
class HeadWords:
    """One type of fitting net.

    theirs, ours: its name in DeePMD-kit's files, and the kind of the model here. versions: those of its node in native
    trees that are read, of which the last is written. words: keys of its settings, and fields of our section. in_trees:
    keys that have other names in native trees. lacks: keys of energy nets that are not written to scripts of this type.
    """

    theirs: str
    ours: str
    versions: tuple[int, ...]
    words: Mapping[str, str]
    in_trees: Mapping[str, str]
    lacks: frozenset[str]

    @property
    def in_scripts(self) -> set[str]:
        """The keys of its settings that scripts have."""
        return set(self.words) - {CONSTANT}


DEFAULT = "ener"  # the type of a fitting net that does not name its type: it predicts energies
ENERGY_ONLY = frozenset({"rcond", "atom_ener", "use_aparam_as_mask"})
HEADS = (
    HeadWords(DEFAULT, ENERGY, (1, 2, 3, 4), {}, {}, frozenset()),
    HeadWords(
        "property",
        "property",
        (6,),
        {
            "property_name": "name",
            "task_dim": "components",
            "intensive": "intensive",
            "distinguish_types": "by_type",
        },
        {"property_name": "var_name"},
        ENERGY_ONLY,
    ),
    HeadWords("dos", "dos", (4,), {"numb_dos": "components"}, {"numb_dos": "dim_out"}, ENERGY_ONLY - {"rcond"}),
    HeadWords("dipole", "dipole", (4,), {}, {}, ENERGY_ONLY | {"trainable"}),
    HeadWords(
        "polar",
        "polarizability",
        (5,),
        {"fit_diag": "diagonal", "shift_diag": "shifted", "scale": "scale", CONSTANT: "constant"},
        {},
        ENERGY_ONLY | {"trainable"},
    ),
)
ARRAYS = ("scale", CONSTANT)  # settings that native trees have as arrays with a number for each type
TYPES = {head.theirs: head for head in HEADS}
KINDS = {head.ours: head for head in HEADS}


def words_of(config: DPA2Config) -> HeadWords:
    """Return the words for the head of a model."""
    return KINDS[config.kind]


def read_head(fitting: Mapping[str, Any], types: Any) -> dict[str, Any]:
    """Return the section of the head in our words, by its name; empty for energies.

    A number that is the same for all types is repeated for each of them.
    """
    head = TYPES[fitting.get("type", DEFAULT)]
    if head.ours == ENERGY:
        return {}
    given = {key: fitting[key] for key in head.words if fitting.get(key) is not None}
    for key in ARRAYS:
        value = given.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool) and isinstance(types, list | tuple):
            given[key] = [value] * len(types)
    return {head.ours: {head.words[key]: value for key, value in given.items()}}


def write_head(config: DPA2Config) -> dict[str, Any]:
    """Return the type of the fitting net and the settings of its head, in the words of scripts.

    The constants of polarizabilities, which scripts do not have, are left out.
    """
    head = words_of(config)
    section = None if head.ours == ENERGY else getattr(config.fitting, head.ours)
    found = {key: getattr(section, ours) for key, ours in head.words.items() if key != CONSTANT}
    if "scale" in found:
        found["scale"] = 1.0 if found["scale"] is None else list(found["scale"])
    return {"type": head.theirs} | found
