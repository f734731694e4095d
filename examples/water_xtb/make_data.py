"""Make the data: water clusters, droplets and periodic boxes with energies, forces and virials of GFN2-xTB.

python examples/water_xtb/make_data.py data --processes 2
python examples/water_xtb/make_data.py data --model water.dp   # boxes that a trained model visits, to test it

Clusters and droplets come from molecular dynamics with GFN2-xTB at four temperatures, and a half as many again are
squeezed. Boxes, in which a step of GFN2-xTB takes seconds, come from dynamics with a simple force field. The folders
`train` and `test` come from separate trajectories.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import water
from ase import Atoms, units
from ase.md.langevin import Langevin

TEMPERATURES = (200, 300, 400, 600)  # of clusters and droplets, K
STEP = 0.5  # of dynamics with GFN2-xTB, fs
SETTLE = 400  # steps at a temperature before the first frame
BETWEEN = 60  # steps between two frames: 30 fs
CLUSTERS = {1: 40, 2: 40, 3: 40, 4: 40, 6: 60, 12: 80}  # frames for training by number of molecules
BOXED = 16  # molecules in a periodic box
BOXES = 64  # frames of boxes for training
MOST = 10.0  # eV/Å; frames with a larger component of a force are left out
DENSITIES = (0.92, 1.0, 1.0, 1.08)  # of boxes, g/cm³


@dataclass(frozen=True)
class Job:
    """A part of the data: its folder, and what to simulate; `molecules` 0 stands for boxes."""

    folder: Path
    molecules: int
    frames: int
    seed: int
    model: str | None = None


def dynamics(atoms: Atoms, temperature: float, femtoseconds: float, rng: np.random.Generator) -> Langevin:
    """Return Langevin dynamics at a temperature in K."""
    return Langevin(
        atoms, femtoseconds * units.fs, temperature_K=temperature, friction=0.02 / units.fs, fixcm=False, rng=rng
    )


def clusters(molecules: int, frames: int, rng: np.random.Generator) -> Iterator[Atoms]:
    """Return frames of clusters from dynamics with GFN2-xTB, as many at each temperature."""
    for temperature in TEMPERATURES:
        atoms = water.droplet(molecules, rng)
        atoms.calc = water.Walled(water.xtb(), water.wall_radius(molecules))
        run = dynamics(atoms, temperature, STEP, rng)
        run.run(SETTLE)
        for _ in range(frames // len(TEMPERATURES)):
            run.run(BETWEEN)
            yield bare(atoms)


def bare(atoms: Atoms) -> Atoms:
    """Return a copy without calculator, constraints and velocities."""
    return Atoms(atoms.symbols, atoms.positions.copy(), cell=atoms.cell.copy(), pbc=atoms.pbc)


def squeezed(atoms: Atoms, rng: np.random.Generator) -> Atoms:
    """Return a cluster with its molecules brought closer together and all atoms moved by chance.

    Dynamics rarely goes there, and a model that has not seen what repels may fall into it.
    """
    new = bare(atoms)
    oxygen = new.positions[::3]
    middle = oxygen.mean(axis=0)
    shift = (rng.uniform(0.75, 0.95) - 1.0) * (oxygen - middle)
    new.positions += np.repeat(shift, 3, axis=0) + rng.normal(scale=rng.uniform(0.02, 0.1), size=new.positions.shape)
    return new


def boxes(frames: int, rng: np.random.Generator) -> Iterator[Atoms]:
    """Return periodic boxes from dynamics of a simple force field at 300 to 500 K."""
    for density in DENSITIES:
        atoms = water.box(BOXED, water.edge_of(BOXED, density), rng)
        atoms.calc = water.Simple()
        for number in range(frames // len(DENSITIES)):
            run = dynamics(atoms, (300, 400, 500)[number % 3], STEP, rng)
            run.run(2000 if number == 0 else 400)
            yield bare(atoms)


def boxes_of_model(frames: int, model: str, rng: np.random.Generator) -> Iterator[Atoms]:
    """Return periodic boxes at 300 K and 1 g/cm³ from dynamics of a trained model, 0.2 ps from each other."""
    import dpa2
    from dpa2.ase import DPA2

    atoms = water.box(BOXED, water.edge_of(BOXED), rng)
    for calculator, steps in ((water.Simple(), 2000), (DPA2(dpa2.load(model, dtype="float64")), 2000)):
        atoms.calc = calculator
        dynamics(atoms, 300, STEP, rng).run(steps)
    for _ in range(frames):
        dynamics(atoms, 300, STEP, rng).run(400)
        yield bare(atoms)


def frames_of(job: Job) -> list[Atoms]:
    """Return the structures of a part of the data, before they are labelled."""
    rng = np.random.default_rng(job.seed)
    if job.molecules == 0:
        return list(boxes(job.frames, rng) if job.model is None else boxes_of_model(job.frames, job.model, rng))
    found = list(clusters(job.molecules, job.frames, rng))
    return found + [squeezed(atoms, rng) for atoms in found[::2]]


def labelled(frames: list[Atoms]) -> dict[str, np.ndarray]:
    """Return the arrays of a DeePMD set: results of GFN2-xTB for all frames."""
    rows: dict[str, list[np.ndarray]] = {"coord": [], "energy": [], "force": []}
    for atoms in frames:
        atoms.calc = water.xtb()
        rows["coord"].append(atoms.positions.ravel())
        rows["energy"].append(atoms.get_potential_energy())
        rows["force"].append(atoms.get_forces().ravel())
        if atoms.pbc.all():
            rows.setdefault("box", []).append(atoms.cell.array.ravel())
            virial = -atoms.get_volume() * atoms.get_stress(voigt=False)
            rows.setdefault("virial", []).append(virial.ravel())
        atoms.calc = None
    kept = [k for k, forces in enumerate(rows["force"]) if np.abs(forces).max() <= MOST]
    return {name: np.array(values)[kept] for name, values in rows.items()}


def write(folder: Path, atoms: Atoms, arrays: dict[str, np.ndarray]) -> None:
    """Write a system in the standard layout of DeePMD-kit."""
    (folder / "set.000").mkdir(parents=True, exist_ok=True)
    (folder / "type_map.raw").write_text("O\nH\n")
    (folder / "type.raw").write_text("\n".join(str(int(number == 1)) for number in atoms.numbers) + "\n")
    if "box" not in arrays:
        (folder / "nopbc").write_text("")
    for name, array in arrays.items():
        np.save(folder / "set.000" / f"{name}.npy", array)


def make(job: Job) -> str:
    """Make one part of the data, and return what was made."""
    frames = frames_of(job)
    arrays = labelled(frames)
    write(job.folder, frames[0], arrays)
    return f"{job.folder}: {len(arrays['energy'])} frames of {len(frames[0])} atoms"


def jobs(folder: Path, seed: int, model: str | None) -> list[Job]:
    """Return all parts of the data, the longest first; a quarter as many frames for the test as for training."""
    if model is not None:
        return [Job(folder / "test" / "box16_model", 0, BOXES // 4, 100 * seed + 99, model)]
    out = []
    for use, share, first in (("train", 1, 100 * seed), ("test", 4, 100 * seed + 50)):
        out.append(Job(folder / use / "box16", 0, BOXES // share, first))
        for molecules, frames in CLUSTERS.items():
            count = max(frames // share // len(TEMPERATURES), 1) * len(TEMPERATURES)
            out.append(Job(folder / use / f"cluster{molecules:02}", molecules, count, first + molecules))
    return sorted(out, key=lambda job: -job.frames * (job.molecules or 99) ** 2)


def main() -> None:
    """Make the data with the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", help="a trained model, from whose dynamics boxes for a test are made")
    options = parser.parse_args()
    with ProcessPoolExecutor(options.processes) as pool:
        for line in pool.map(make, jobs(options.folder, options.seed, options.model)):
            print(line, flush=True)


if __name__ == "__main__":
    main()
