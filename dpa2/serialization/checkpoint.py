"""A model as a file holds it: its configuration, its tensors, and notes that change no result."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy

from ..config import DPA2Config
from .settings.plain import canonical_json


@dataclass(frozen=True, eq=False, repr=False)
class Checkpoint:
    """A model as a file holds it.

    Parameters
    ----------
    config
        The settings of the model.
    weights
        All tensors by their canonical names (see `inventory`). Tensors of a bfloat16 part are held as float32, which
        represents every bfloat16 number.
    metadata
        Plain JSON notes that change no result: `min_distance` (Å, smallest distance in training), `writer`, `script`
        (the `model` section of the training script).
    """

    config: DPA2Config
    weights: dict[str, numpy.ndarray]
    metadata: dict = field(default_factory=dict)

    def __repr__(self) -> str:
        types = ", ".join(self.config.types[:8]) + (", ..." if len(self.config.types) > 8 else "")
        return f"Checkpoint(types {types}; {len(self.weights)} tensors; {self.config.dtype})"

    def digest(self) -> str:
        """Return the identity of the model, which does not depend on the format of its file.

        Returns
        -------
        str
            "sha256:" and 64 hexadecimal digits: SHA-256 of the configuration's canonical JSON, then for every tensor,
            sorted by name, of the canonical JSON of [name, dtype, shape] and of its numbers, little-endian in C order.
            The notes are not part of it.
        """
        digest = hashlib.sha256(canonical_json(self.config.to_dict()).encode())
        for name, array in sorted(self.weights.items()):
            digest.update(canonical_json([name, array.dtype.name, list(array.shape)]).encode())
            digest.update(little_endian(array))
        return f"sha256:{digest.hexdigest()}"


def little_endian(array: numpy.ndarray) -> bytes:
    """The numbers of an array in C order."""
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
