"""The frames and the atoms with the largest errors, by name."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...nn.arrays import Float, Int
from .points import Points
from .results import Accuracy


@dataclass(frozen=True)
class Worst:
    """A large error.

    Attributes
    ----------
    frame
        Name of the frame.
    error
        Of energies and virials, eV per atom, with its sign; of forces, the length of the vector of errors of one atom,
        eV/Å; of other values the largest one of a component, with its sign.
    atom, type
        Of forces, the index of that atom in its frame, and its type; otherwise None.
    """

    frame: str
    error: float
    atom: int | None = None
    type: str | None = None


def worst_frames(found: Accuracy, quantity: str, most: int = 5) -> list[Worst]:
    """Return the frames with the largest errors, worst first.

    Parameters
    ----------
    found
        Errors, as `survey_accuracy` returns them.
    quantity
        Key of the quantity, such as "energy"; of forces the largest error of an atom decides.
    most
        How many frames there are at most.
    """
    points = found.points[quantity]
    if points.quantity.of_atoms:
        errors, starts = lengths(points), starts_of(points.atoms)
    else:
        errors, starts = points.errors(points.quantity.extensive), starts_of(points.sizes)
    sizes = np.abs(errors)
    largest = np.maximum.reduceat(sizes, starts)
    ends = np.append(starts[1:], len(sizes))
    chosen = largest_of(largest, most)
    rows = [int(starts[k] + np.argmax(sizes[starts[k] : ends[k]])) for k in chosen]
    return [worst(found, points, k, row - int(starts[k]), errors[row]) for k, row in zip(chosen, rows, strict=True)]


def worst_atoms(found: Accuracy, most: int = 5) -> list[Worst]:
    """Return the atoms with the largest errors of forces, worst first; none where there are no forces.

    Parameters
    ----------
    found
        Errors, as `survey_accuracy` returns them.
    most
        How many atoms there are at most.
    """
    if "force" not in found.points or not found.points["force"].quantity.of_atoms:
        return []
    points = found.points["force"]
    errors, starts = lengths(points), starts_of(points.atoms)
    rows = largest_of(errors, most)
    places = np.searchsorted(starts, rows, side="right") - 1
    return [worst(found, points, k, row - int(starts[k]), errors[row]) for k, row in zip(places, rows, strict=True)]


def worst(found: Accuracy, points: Points, place: int, row: int, error: float) -> Worst:
    """Return an error of the frame at a place among those of a quantity, or of one of the real atoms of the frame."""
    frame = int(points.frames[place])
    if not points.quantity.of_atoms:
        return Worst(found.frames.names[frame], float(error))
    atom, kind = found.frames.atom(frame, row)
    return Worst(found.frames.names[frame], float(error), atom, found.type_map[kind])


def lengths(points: Points) -> Float[np.ndarray, "atom"]:
    """Return the lengths of vectors of errors."""
    return np.linalg.norm(points.errors().reshape(-1, 3), axis=1)


def starts_of(sizes: Int[np.ndarray, "frame"]) -> Int[np.ndarray, "frame"]:
    """Return where each frame begins in arrays end to end."""
    return np.cumsum(sizes) - sizes


def largest_of(numbers: Float[np.ndarray, "number"], most: int) -> list[int]:
    """Return the places of the largest numbers, largest first; those that are no numbers come before all others."""
    return np.argsort(-np.nan_to_num(numbers, nan=np.inf), kind="stable")[:most].tolist()
