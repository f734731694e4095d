"""A look at all numbers of a data set before a training: one that is not finite would spoil every weight."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ...errors import FormatError
from ...structures.datasets import MULTIPLES, WIDTHS, Dataset, FrameSet

STRUCTURE = ("coord", "box", "fparam", "aparam")  # files of the structures themselves
BLOCK = 4_000_000  # numbers looked at together


def require_numbers(data: Dataset, labels: Iterable[str]) -> None:
    """Refuse files of a data set with a number that is not finite; labels: names of files beside those of structures.

    Raises `FormatError` that names file, frame and atom (facts: file, frame, atom).
    """
    for each in data.sets:
        for file in (*STRUCTURE, *labels):
            if file in each.files and each.frames and (each.periodic or file != "box"):
                require_finite(each, file)


def require_finite(frames: FrameSet, file: str) -> None:
    """Refuse a file of a set for its first number that is not finite; those of virtual atoms do not count."""
    rows = frames.rows(file)
    step = max(1, BLOCK // max(1, rows.shape[1]))
    for start in range(0, len(rows), step):
        bad = ~np.isfinite(rows[start : start + step])
        for frame in np.flatnonzero(bad.any(axis=1)).tolist():
            refuse_first(frames, file, start + frame, bad[frame])


def refuse_first(frames: FrameSet, file: str, frame: int, bad: np.ndarray) -> None:
    """Raise the error for the first bad number of a frame, unless it belongs to a virtual atom."""
    path = str(frames.folder / f"{file}.npy")
    if not (WIDTHS | MULTIPLES)[file][1]:
        raise FormatError(f"{path}: frame {frame} holds a number that is not finite", file=path, frame=frame)
    of_atoms = bad.reshape(frames.atoms, -1).any(axis=1) & (frames.frame_types(frame) >= 0)
    for atom in np.flatnonzero(of_atoms).tolist():
        where = f"atom {atom} of frame {frame} has a number that is not finite"
        raise FormatError(f"{path}: {where}", file=path, frame=frame, atom=atom)
