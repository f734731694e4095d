"""A batch: frames laid out for a model, with their labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import InputError
from ...evaluation.prepared import Prepared
from ...model.model import Model
from ...nn.arrays import Array, Float
from ..losses import Labels, real_atoms


@dataclass(frozen=True, repr=False)
class Batch:
    """Frames in chunks on a model's library, and what is known about them.

    labels: arrays of the library; real: 1 for slots that hold an atom. name: for messages, such as the data and the
    numbers of the frames.
    """

    prepared: Prepared
    labels: Labels
    real: Float[Array, "frame slot"]
    name: str = ""

    def __repr__(self) -> str:
        known = ", ".join(self.labels.known()) or "nothing"
        return f"Batch({self.name + ': ' if self.name else ''}{len(self.prepared.systems)} frames; known: {known})"


def make_batch(
    model: Model, systems: Sequence[Any], labels: Labels, name: str = "", neighbors: str = "strict"
) -> Batch:
    """Return a batch for the library of a model.

    systems, neighbors: as for `Model.evaluate_many`. labels: NumPy arrays whose slots are the atoms of the systems in
    order, filled up behind with any finite numbers where systems differ in size.

    Raises `InputError` for a label of another shape, or one that is not finite, and all errors of `evaluate_many`.
    """
    prepared = model.prepare_systems(systems, neighbors=neighbors)
    real = real_atoms([system.types for system in prepared.systems])
    backend = model.backend
    arrays = {f.name: getattr(labels, f.name) for f in dataclasses.fields(labels)}
    for label, array in arrays.items():
        if array is not None:
            require_label(label, np.asarray(array), real.shape, name)
    placed = {n: None if x is None else backend.asarray(np.asarray(x), backend.wide()) for n, x in arrays.items()}
    return Batch(prepared, Labels(**placed), backend.asarray(real, backend.wide()), name)


def require_label(label: str, array: np.ndarray, shape: tuple[int, ...], name: str) -> None:
    """Raise `InputError` for a label that does not fit the batch, or has numbers that are not finite."""
    frames, slots = shape
    wanted = {"energy": (frames,), "virial": (frames, 3, 3)}.get(label, (frames, slots))
    wanted = (frames, slots, 3) if label in ("forces", "generalized") else wanted
    found = array.shape[: len(wanted)] if label == "generalized" else array.shape
    where = f"{name}: " if name else ""
    if found != wanted:
        raise InputError(f"{where}{label}: has shape {array.shape}, must have {wanted}", argument=label)
    if not np.isfinite(array).all():
        frame, *place = map(int, np.argwhere(~np.isfinite(array))[0])
        atom = place[0] if place and label != "virial" else None
        what = f"{where}{label}: frame {frame}{'' if atom is None else f', atom {atom}'} is not a finite number"
        raise InputError(what, argument=label, frame=frame, atom=atom)
