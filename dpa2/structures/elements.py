"""Types of a model for atomic numbers, by which other programs say which atoms there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..descriptor.electrons import ATOMIC_NUMBERS
from ..nn.arrays import Int
from .naming import renaming
from .system import host_array, index_table, refuse, refuse_unknown

SYMBOLS = ("X", *ATOMIC_NUMBERS)  # by atomic number; X stands for no element


@dataclass(frozen=True, eq=False)
class Elements:
    """The type of a model for each atomic number; below 0 for elements of which the model has no type.

    >>> elements = Elements.of(("OW", "HW"), {"O": "OW", "H": "HW"})
    >>> elements.types([8, 1, 1]).tolist(), elements.numbers
    ([0, 1, 1], [1, 8])
    """

    table: Int[np.ndarray, "number"]
    type_map: tuple[str, ...]

    @classmethod
    def of(cls, type_map: Sequence[str], pairs: Mapping[str, str] | None = None) -> Elements:
        """Return the types of elements; pairs: of names, where the model calls an element otherwise."""
        names = renaming({} if pairs is None else pairs, type_map)
        return cls(index_table([names.get(symbol, symbol) for symbol in SYMBOLS], type_map), tuple(type_map))

    @property
    def numbers(self) -> list[int]:
        """The atomic numbers of the elements that the model knows."""
        return np.flatnonzero(self.table >= 0).tolist()

    def types(self, numbers: Any, name: str = "") -> Int[np.ndarray, "atom"]:
        """Return the types of atoms of a system called `name`; raise `InputError` for the first that has none."""
        given = host_array(numbers, "atomic numbers", name)
        none = np.flatnonzero((given < 0) | (given >= len(SYMBOLS)))
        if len(none):
            atom = int(none[0])
            refuse(name, "atomic numbers", f"atom {atom} has {given[atom]}, the number of no element", atom=atom)
        types = self.table[given]
        unknown = np.flatnonzero(types < 0)
        if len(unknown):
            atom = int(unknown[0])
            refuse_unknown(atom, SYMBOLS[given[atom]], self.type_map, name)
        return types
