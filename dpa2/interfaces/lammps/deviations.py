"""The deviation of several models, as a file in the columns of the reference's `pair_style deepmd`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...errors import WriteFailed
from ...nn.arrays import Float, Int

COLUMNS = ("max_devi_v", "min_devi_v", "avg_devi_v", "max_devi_f", "min_devi_f", "avg_devi_f")


class Deviations:
    """Writes the deviation of forces and virials every `every` steps, from the first rank; never if that is 0.

    comm: communicator of all ranks. atomic: whether each line has the deviation of each atom's force too, by ids.
    relative, relative_v: None, or the number l for deviations |D| / (|value| + l) of forces and virials. unit: an eV in
    LAMMPS' units; relative deviations are multiplied by it, since those of the reference are.
    """

    def __init__(
        self,
        file: str,
        every: int,
        comm: Any,
        *,
        atomic: bool = False,
        relative: float | None = None,
        relative_v: float | None = None,
        unit: float = 1.0,
    ):
        self.file, self.every, self.comm = file, every, comm
        self.atomic, self.relative, self.relative_v, self.unit = atomic, relative, relative_v, unit
        self.last: int | None = None

    def wanted(self, step: int) -> bool:
        """Return whether a line is written for this step."""
        return bool(self.every) and step % self.every == 0 and step != self.last

    def add(
        self,
        step: int,
        tags: Int[np.ndarray, "atom"],
        forces: Float[np.ndarray, "model atom 3"],
        virials: Float[np.ndarray, "model 3 3"],
    ) -> None:
        """Write a line, from the forces on this rank's atoms and the virials of all."""
        found = of_forces(forces, self.relative) * self.scale(self.relative)
        atoms, numbers = self.summed(len(tags), found)
        numbers = [*(self.scale(self.relative_v) * of_virials(virials, atoms, self.relative_v)), *numbers]
        if self.atomic:
            numbers += self.by_id(tags, found)
        if self.comm.rank == 0:
            self.write(step, numbers)
        self.last = step

    def scale(self, level: float | None) -> float:
        """Return the factor of deviations with this level, None for absolute ones."""
        return 1.0 if level is None else self.unit

    def summed(self, own: int, found: np.ndarray) -> tuple[int, list[float]]:
        """Return the number of all atoms, and largest, smallest and mean deviation of their forces."""
        largest = np.array([found.max(initial=-np.inf), -found.min(initial=np.inf)])
        total = np.array([own, found.sum()])
        largest, total = self.comm.allreduce(largest, op=np.maximum), self.comm.allreduce(total)
        atoms = int(total[0])
        return atoms, [largest[0], -largest[1], total[1] / max(atoms, 1)]

    def by_id(self, tags: np.ndarray, found: np.ndarray) -> list[float]:
        """Return the deviation of each atom's force, by ids."""
        tags, found = (np.concatenate(column) for column in zip(*self.comm.allgather((tags, found)), strict=True))
        return [float(x) for x in found[np.argsort(tags)]]

    def write(self, step: int, numbers: Sequence[float]) -> None:
        """Append a line; the first one makes the file."""
        head = "#" + "step".rjust(11) + "".join(name.rjust(19) for name in COLUMNS)
        head += "".join("atm_devi_f(N)".rjust(19) for _ in range(self.atomic))
        line = f"{step:12d}" + "".join(f" {number:18.6e}" for number in numbers)
        try:
            with open(self.file, "w" if self.last is None else "a") as file:
                file.write(f"{head}\n{line}\n" if self.last is None else f"{line}\n")
        except OSError as error:
            what = f"{self.file}: {error.strerror or error}"
            raise WriteFailed(what, file=self.file, reason=str(error.strerror)) from error


def of_forces(forces: Float[np.ndarray, "model atom 3"], relative: float | None = None) -> Float[np.ndarray, "atom"]:
    """Return the deviation √⟨|f - ⟨f⟩|²⟩ of each atom's force."""
    mean = forces.mean(axis=0)
    found = np.sqrt(((forces - mean) ** 2).sum(axis=2).mean(axis=0))
    return found if relative is None else found / (np.sqrt((mean**2).sum(axis=1)) + relative)


def of_virials(virials: Float[np.ndarray, "model 3 3"], atoms: int, relative: float | None = None) -> np.ndarray:
    """Return largest, smallest and root-mean-square deviation of the components of the virial per atom.

    relative: l of |D| / (|⟨v⟩| + l), component by component.
    """
    per_atom = virials / max(atoms, 1)
    mean = per_atom.mean(axis=0)
    found = np.sqrt(((per_atom - mean) ** 2).mean(axis=0))
    found = found if relative is None else found / (np.abs(mean) + relative)
    return np.array([found.max(), found.min(), np.sqrt((found**2).mean())])
