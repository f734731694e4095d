"""The checked, immutable description of a DPA-2 model, apart from its weights.

Every setting of section 15 of the specification, in the field's words. The spellings of DeePMD-kit's `input.json`
are translated in `dpa2.serialization`.
"""

from .rules import DTYPES
from .sections import (
    ENERGY,
    HEADS,
    Compression,
    Dipole,
    Dos,
    DPA2Config,
    Fitting,
    NeighborAttention,
    Polarizability,
    Property,
    Repformer,
    Repinit,
    ThreeBody,
)

__all__ = [
    "Compression",
    "Dipole",
    "Dos",
    "DPA2Config",
    "DTYPES",
    "ENERGY",
    "Fitting",
    "HEADS",
    "NeighborAttention",
    "Polarizability",
    "Property",
    "Repformer",
    "Repinit",
    "ThreeBody",
]
