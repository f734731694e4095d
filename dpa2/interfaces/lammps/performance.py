"""How long the runs of a script took, and what the time was spent on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

DAY = 86400.0  # seconds
NANOSECONDS = {"metal": 1e-3, "real": 1e-6}  # of LAMMPS' unit of time
PARTS = ("list", "exchange", "model")  # of the work in a step; the rest is LAMMPS' own


@dataclass
class Performance:
    """Sums over all commands that make steps.

    atom_steps: atoms times steps. simulated: time of the dynamics, ns, which took `dynamics` seconds. parts: seconds
    of each part of the work, the mean over ranks.
    """

    ranks: int = 1
    threads: int = 1
    atoms: int = 0
    steps: int = 0
    atom_steps: int = 0
    seconds: float = 0.0
    simulated: float = 0.0
    dynamics: float = 0.0
    parts: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PARTS, 0.0))

    def add(self, steps: int, atoms: int, seconds: float, simulated: float | None) -> None:
        """Add a command; simulated: None where its steps are none of time."""
        self.steps += steps
        self.atoms = atoms
        self.atom_steps += steps * atoms
        self.seconds += seconds
        if simulated is not None:
            self.simulated += simulated
            self.dynamics += seconds

    def add_parts(self, parts: Mapping[str, float]) -> None:
        """Add the seconds of a driver, by the name of the work."""
        for name in PARTS:
            self.parts[name] += parts.get(name, 0.0)

    def facts(self) -> dict[str, Any]:
        """Return the numbers for a report; shares are of the wall time, and None where nothing was run."""
        rest = self.seconds - sum(self.parts.values())
        return {
            "ranks": self.ranks,
            "threads": self.threads,
            "atoms": self.atoms,
            "steps": self.steps,
            "seconds": self.seconds,
            "ns_per_day": per(self.simulated * DAY, self.dynamics),
            "steps_per_second": per(self.steps, self.seconds),
            "atom_steps_per_second": per(self.atom_steps, self.seconds),
            "shares": {name: per(value, self.seconds) for name, value in {**self.parts, "rest": rest}.items()},
        }


def per(value: float, seconds: float) -> float | None:
    """Return a quotient, None where nothing was done."""
    return value / seconds if value and seconds else None
