"""A batch: several frames with their labels, padded to a common number of slots.

Source: sections 3 and 5 of the specification of training.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import InputError
from ...nn.arrays import Float
from ...structures.datasets import Frame
from ...structures.system import System
from ..losses import real_atoms
from .labels import LABELS, Label, require_labels


@dataclass(frozen=True, eq=False, repr=False)
class HostBatch:
    """Frames to train on together, in NumPy arrays; `dpa2.training.Batch` has them on a library.

    Attributes
    ----------
    systems
        The structure of each frame.
    labels
        Arrays (frames, ...) by the names of `LABELS`; those of atoms are (frames, slots, ...). Slots beyond a frame's
        atoms, virtual atoms, and labels that are not found hold 0, weights and coefficients 1.
    found
        1.0 for the labels that the data have, 0.0 for the others; the first frame decides for all.
    mask
        (frames, slots): 1.0 for real atoms, 0.0 for virtual ones and for empty slots.
    names
        The name of each frame, for messages.
    """

    systems: tuple[System, ...]
    labels: dict[str, np.ndarray]
    found: dict[str, float]
    mask: Float[np.ndarray, "frame slot"]
    names: tuple[str, ...]

    def __repr__(self) -> str:
        known = ", ".join(name for name, flag in self.found.items() if flag)
        return f"HostBatch({len(self)} frames of {self.mask.shape[1]} slots, with {known or 'no labels'})"

    def __len__(self) -> int:
        return len(self.systems)

    @property
    def atoms(self) -> int:
        """The number of real atoms of all frames."""
        return int(self.mask.sum())

    @property
    def known(self) -> dict[str, np.ndarray]:
        """The labels that are found."""
        return {name: array for name, array in self.labels.items() if self.found[name]}


def batch_of(
    frames: Sequence[Frame], labels: Iterable[str] = ("energy", "forces"), systems: Sequence[System] | None = None
) -> HostBatch:
    """Return frames as a batch.

    Parameters
    ----------
    frames
        Frames of a data set, of any sizes.
    labels
        Names of the labels that are wanted, such as "energy", "forces", "virial".
    systems
        Structures to take in place of those of the frames, such as checked ones.

    Raises
    ------
    InputError
        There are no frames, or a frame lacks a label that the first one has (facts: argument).

    Examples
    --------
    >>> water = System([[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], [0, 1, 1])
    >>> batch = batch_of([Frame(water, -14.2, *[None] * 4, "water")])
    >>> batch.found, batch.labels["forces"].shape
    ({'energy': 1.0, 'forces': 0.0}, (1, 3, 3))
    """
    if not frames:
        raise InputError("a batch needs at least one frame", argument="frames")
    names = tuple(labels)
    require_labels(names)
    systems = [frame.system for frame in frames] if systems is None else systems
    mask = real_atoms([system.types for system in systems])
    arrays = {name: stacked(frames, LABELS[name], mask) for name in names}
    found = {name: float(LABELS[name].of(frames[0]) is not None) for name in names}
    return HostBatch(tuple(systems), arrays, found, mask, tuple(frame.name for frame in frames))


def stacked(frames: Sequence[Frame], label: Label, mask: Float[np.ndarray, "frame slot"]) -> np.ndarray:
    """Return the labels of one kind of all frames, padded; the first frame decides whether there are some."""
    first = label.of(frames[0])
    if first is None:
        return np.full((len(frames), *unknown_shape(label, mask.shape[1])), label.missing)
    shape = (mask.shape[1], *first.shape[1:]) if label.per_atom else first.shape
    out = np.full((len(frames), *shape), label.missing)
    for k, (frame, real) in enumerate(zip(frames, mask, strict=True)):
        value = label.of(frame)
        if value is None:
            rule = f"has no {label.file}, and {frames[0].name} of the same batch has some; give it to all or to none"
            raise InputError(f"{frame.name}: {rule}", argument="frames")
        if label.per_atom:
            counted = real[: len(value)].reshape(-1, *[1] * (value.ndim - 1)) > 0
            out[k, : len(value)] = np.where(counted, value, label.missing)
        else:
            out[k] = value
    return out


def unknown_shape(label: Label, slots: int) -> tuple[int, ...]:
    """Return the shape of a label that is not known, without the axis of frames."""
    own = {"forces": (slots, 3), "virial": (3, 3), "generalized": (slots, 3, 1), "energy": ()}
    return own.get(label.field, (slots,))
