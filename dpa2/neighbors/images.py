"""The periodic images of a system that a cutoff can reach (specification sections 1.2 and 1.3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..nn.arrays import Float, Int
from ..structures.lattice import Periodic, fractional, times
from ..structures.system import System, checked_pbc, refuse

MOST_IMAGES = 10**6  # of a cell, within a cutoff; a cell with more is refused as too thin


def placed(system: System) -> tuple[np.ndarray, np.ndarray | None]:
    """Wrapped positions in Å, and fractional positions (None without a cell)."""
    if system.cell is None:
        return system.coordinates, None
    places = fractional(system.coordinates, system.cell, periodic_axes(system))
    return times(places, system.cell), places


def periodic_axes(system: System) -> Periodic:
    """Along which axes a system is periodic: all of those with a cell, unless it says otherwise."""
    return checked_pbc(system.pbc, system.cell, system.name)


def heights(cell: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "3"]:
    """Distances between opposite faces of the cell, Å."""
    normals = np.cross(cell[[1, 2, 0]], cell[[2, 0, 1]])
    return np.abs(np.linalg.det(cell)) / np.linalg.norm(normals, axis=1)


def refuse_thin(cell: Float[np.ndarray, "3 3"] | None, cutoff: float, reach: np.ndarray, name: str = "") -> None:
    """Raise an `InputError` if a cutoff (Å) reaches so many cells to either side that a search would take for ever."""
    count = np.prod(2.0 * reach + 1.0)
    if cell is not None and count > MOST_IMAGES:
        rule = f"so thin that a cutoff of {cutoff} Å reaches {count:.0f} of its images"
        refuse(name, "cell", f"the cell {cell.tolist()} is {rule}")


@dataclass(frozen=True, eq=False)
class Images:
    """The translations of a cell that a cutoff can reach, ordered by the norm of their three integers.

    reach: (3,), cells to either side. translation: (images, 3), Å.
    rank: (images,), the numbers of the images in lexicographic order of their integers.

    Source: section 1.3 of the specification.
    """

    reach: np.ndarray
    translation: np.ndarray
    rank: np.ndarray

    @classmethod
    def within(cls, cutoff: float, system: System) -> Images:
        """The images of a system for a cutoff in Å, none along free axes; a cluster has one, itself."""
        cell = np.zeros((3, 3)) if system.cell is None else system.cell
        reach = np.zeros(3) if system.cell is None else np.ceil(cutoff / heights(cell)) * periodic_axes(system)
        refuse_thin(cell, cutoff, reach, system.name)
        reach = reach.astype(np.int64)
        integers = np.indices(tuple(2 * reach + 1)).reshape(3, -1).T - reach
        order = np.argsort((integers**2).sum(axis=1), kind="stable")
        rank = np.empty(len(order), dtype=np.int64)
        rank[order] = np.arange(len(order))
        return cls(reach, times(integers[order].astype(np.float64), cell), rank)

    def numbers(self, shift: Int[np.ndarray, "pair 3"]) -> tuple[np.ndarray, np.ndarray]:
        """The number of the image at each translation (in cells), and whether it is among these images."""
        reached = np.logical_and.reduce([np.abs(z) <= n for z, n in zip(shift.T, self.reach, strict=True)])
        place = np.ravel_multi_index(tuple((shift + self.reach).T), tuple(2 * self.reach + 1), mode="clip")
        return self.rank.take(place), reached
