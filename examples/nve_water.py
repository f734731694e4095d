"""Molecular dynamics of water at constant energy, with the drift of the energy and the steps per second.

python examples/nve_water.py [MODEL] --molecules 64 --steps 500 --backend numpy

MODEL is a model file, or a training input (.json) from which a model with random weights is built; the default is the
trained model that comes with the package. The box begins with molecules turned by chance, which fall into place and
heat it: first some steps at the temperature are run with friction. Random forces do not hold molecules together, so
with random weights begin cold (--temperature 10 --settle 0) and keep it short; the energy is conserved all the same, as
it must be by any smooth model.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from ase import Atoms, units
from ase.md.langevin import Langevin
from ase.md.verlet import VelocityVerlet
from rich.progress import Progress

import dpa2
from dpa2.ase import DPA2
from dpa2.backends import NAMES


def water(molecules: int, temperature: float, seed: int) -> Atoms:
    """Return a random box of water with velocities of a temperature in K and no total momentum."""
    box = dpa2.testing.water_box(molecules, seed=seed)
    atoms = Atoms(box.types, box.coordinates, cell=box.cell, pbc=True)
    width = np.sqrt(atoms.get_masses() * units.kB * temperature)[:, None]
    momenta = width * np.random.default_rng(seed).normal(size=(len(atoms), 3))
    atoms.set_momenta(momenta - momenta.mean(axis=0))
    return atoms


def model_of(path: str, backend: str):
    """Return the model in a file, or one built from a training input."""
    if not path.endswith(".json"):
        return dpa2.load(path, backend=backend, dtype="float64")
    return dpa2.build(json.loads(Path(path).read_text())["model"], seed=0, backend=backend)


def settle(atoms: Atoms, steps: int, femtoseconds: float, temperature: float) -> None:
    """Run steps with friction, after which the box has the temperature in K and no total momentum."""
    rng = np.random.default_rng(0)
    friction = 0.05 / units.fs
    Langevin(atoms, femtoseconds * units.fs, temperature_K=temperature, friction=friction, fixcm=False, rng=rng).run(
        steps
    )
    momenta = atoms.get_momenta()
    atoms.set_momenta(momenta - momenta.mean(axis=0))


def run(atoms: Atoms, steps: int, femtoseconds: float, every: int, quiet: bool) -> tuple[np.ndarray, float]:
    """Return times (ps) and total energies (eV/atom), a row for each record, and the steps per second."""
    dynamics, rows = VelocityVerlet(atoms, timestep=femtoseconds * units.fs), []
    dynamics.run(1)  # JAX compiles in the first step, which is not timed
    with Progress(transient=True, disable=quiet) as progress:
        start = time.perf_counter()
        for step in progress.track(range(0, steps, every), description="steps"):
            rows.append((step * femtoseconds / 1000.0, atoms.get_total_energy() / len(atoms)))
            dynamics.run(min(every, steps - step))
        seconds = time.perf_counter() - start
    rows.append((steps * femtoseconds / 1000.0, atoms.get_total_energy() / len(atoms)))
    return np.array(rows), steps / seconds


def drift(rows: np.ndarray) -> dict[str, float]:
    """Return the slope of a line through the energies, and their standard deviation from it."""
    slope, offset = np.polyfit(rows[:, 0], rows[:, 1], 1)
    scatter = float(np.std(rows[:, 1] - (slope * rows[:, 0] + offset)))
    return {"drift_meV_per_atom_ps": 1000.0 * float(slope), "scatter_meV_per_atom": 1000.0 * scatter}


def plot(rows: np.ndarray, file: str) -> None:
    """Draw the total energy against time."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 3.5), layout="constrained")
    axes.plot(rows[:, 0], 1000.0 * (rows[:, 1] - rows[0, 1]))
    axes.set(xlabel="time / ps", ylabel="total energy, from the first / meV per atom")
    figure.savefig(file, dpi=120)


def main() -> None:
    """Run the dynamics with the options of the command line, and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default=dpa2.demo.WATER)
    parser.add_argument("--backend", default="numpy", choices=NAMES)
    parser.add_argument("--molecules", type=int, default=64)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--femtoseconds", type=float, default=0.5, help="length of a step")
    parser.add_argument("--temperature", type=float, default=300.0, help="temperature at the start, K")
    parser.add_argument("--settle", type=int, default=500, help="steps with friction before the run")
    parser.add_argument("--every", type=int, default=10, help="number of steps between records")
    parser.add_argument(
        "--truncate",
        action="store_true",
        help="keep the nearest where an atom has too many neighbours",
    )
    parser.add_argument("--png", help="write a picture of the energy to this file")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    atoms = water(options.molecules, options.temperature, seed=0)
    atoms.calc = DPA2(model_of(options.model, options.backend), neighbors="truncate" if options.truncate else "strict")
    settle(atoms, options.settle, options.femtoseconds, options.temperature)
    rows, speed = run(atoms, options.steps, options.femtoseconds, options.every, options.json)
    found = drift(rows) | {"steps_per_second": speed, "atoms": len(atoms), "steps": options.steps}
    if options.png:
        plot(rows, options.png)
    print(json.dumps(found) if options.json else "\n".join(f"{name}: {value:.4g}" for name, value in found.items()))


if __name__ == "__main__":
    main()
