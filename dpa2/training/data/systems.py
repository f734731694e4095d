"""Systems to train on: the frames of one directory, with the atoms of standard ones sorted by type.

Source: section 5.1 of the specification of training.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from ...errors import FormatError
from ...nn.arrays import Int
from ...structures.datasets import Dataset, Frame, directories, read_directory, require_frames
from ...structures.places import Place, place_of
from .labels import LABELS
from .scan import require_numbers


@dataclass(frozen=True, eq=False, repr=False)
class TrainingSystem:
    """All frames of a directory, in the order of its sets; every frame has as many atoms, virtual ones counted."""

    data: Dataset

    def __repr__(self) -> str:
        return f"TrainingSystem({self.name}: {len(self)} frames of {self.atoms} atoms)"

    def __len__(self) -> int:
        return len(self.data)

    @property
    def name(self) -> str:
        """The directory."""
        return str(self.data.sets[0].folder.parent)

    @property
    def atoms(self) -> int:
        """The number of atoms of a frame, virtual ones counted."""
        return self.data.sets[0].atoms

    @property
    def mixed(self) -> bool:
        """Whether each frame has its own types."""
        return self.data.sets[0].types is None

    def has(self, label: str) -> bool:
        """Return whether there is a label, by its name in a batch."""
        return LABELS[label].file in self.data.sets[0].files

    @cached_property
    def order(self) -> Int[np.ndarray, "atom"]:
        """The positions of the atoms sorted by type, those of one type in the order of the files."""
        return np.argsort(np.asarray(self.data.sets[0].types), kind="stable")

    def part(self, number: int, parts: int) -> TrainingSystem:
        """Return every so many-th frame, for one of several processes, which share the frames of a system.

        Raises `FormatError` where there are fewer frames than processes.
        """
        if len(self) < parts:
            what = f"{self.name}: has {len(self)} frames for {parts} processes; each needs one at least"
            raise FormatError(what, file=self.name)
        return TrainingSystem(self.data.subset(slice(number, None, parts)))

    def frame(self, k: int) -> Frame:
        """Return a frame; in a system that is not mixed its atoms are sorted by type, and its labels with them."""
        frame = self.data[k]
        return frame if self.mixed else reordered(frame, self.order)


def reordered(frame: Frame, order: Int[np.ndarray, "atom"]) -> Frame:
    """Return a frame with its atoms in another order, and all that belongs to them."""
    system, parameters = frame.system, frame.system.atom_parameters
    moved = replace(
        system,
        coordinates=system.coordinates[order],
        types=system.types[order],
        atom_parameters=None if parameters is None else parameters[order],
    )
    of_atoms = {label.field: label.of(frame) for label in LABELS.values() if label.per_atom}
    return replace(frame, system=moved, **{field: x[order] for field, x in of_atoms.items() if x is not None})


def read_systems(
    folders: Sequence[str | Path],
    type_map: Sequence[str],
    labels: Iterable[str] = (),
    patterns: Sequence[str] | None = None,
) -> list[TrainingSystem]:
    """Return the systems in some folders, each of which is one or is searched for some.

    Parameters
    ----------
    folders
        Directories, or HDF5 files and groups in them.
    type_map
        Names of the model's types.
    labels
        Names of the labels that are wanted; that all their numbers are finite is checked here.
    patterns
        Names of systems below the folders, such as "water*"; None for all.

    Raises
    ------
    FormatError
        A folder has no data, a system has no frames, a file is damaged, holds a number that is not finite, or is in
        some sets of a system only (facts: file, frame, atom).
    """
    places = [place for folder in folders for place in matching(place_of(folder), patterns)]
    systems = [TrainingSystem(read_directory(place, type_map)) for place in places]
    wanted = tuple(labels)
    for system in systems:
        require_frames(system.data)
        require_same_files(system, wanted)
        require_numbers(system.data, [LABELS[name].file for name in wanted])
    return systems


def matching(top: Place, patterns: Sequence[str] | None) -> list[Place]:
    """Return the systems at or below a place whose names match one of the patterns."""
    found = directories(top)
    if patterns is None or not isinstance(top, Path):
        return found
    matched = {path for pattern in patterns for path in top.rglob(pattern)}
    kept: list[Place] = [place for place in found if place in matched]
    if not kept:
        raise FormatError(f"{top}: none of its {len(found)} systems matches {', '.join(patterns)}", file=str(top))
    return kept


def require_same_files(system: TrainingSystem, labels: Sequence[str]) -> None:
    """Refuse a label that some sets of a system have and others do not: zeros would be taken for the missing ones.

    The same holds for frame and atomic parameters, and for types.
    """
    files = {LABELS[name].file for name in labels} | {"real_atom_types", "fparam", "aparam"}
    first, *others = (s for s in system.data.sets if s.frames)
    for other in others:
        for file in sorted((first.files ^ other.files) & files):
            has, lacks = (first, other) if file in first.files else (other, first)
            rule = f"is missing, and {has.folder} has it; give it to all sets of a system or to none"
            missing = str(lacks.folder / f"{file}.npy")
            raise FormatError(f"{missing}: {rule}", file=missing)
