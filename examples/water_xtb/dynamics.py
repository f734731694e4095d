"""Molecular dynamics of a trained model of water: drift of the energy, and distances between atoms beside GFN2-xTB.

python examples/water_xtb/dynamics.py reference distances_xtb.npz          # a droplet with GFN2-xTB itself
python examples/water_xtb/dynamics.py droplet MODEL distances_model.npz    # the same droplet with a model
python examples/water_xtb/dynamics.py compare distances_xtb.npz distances_model.npz --png distances.png
python examples/water_xtb/dynamics.py box MODEL --png box.png              # a periodic box: NVT, then NVE

A droplet is kept together by a soft wall, the same for both. GFN2-xTB takes milliseconds for a step of it, and seconds
for one of a periodic box, of which there is no long reference therefore.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import water
from ase import Atoms, units
from ase.md.langevin import Langevin
from ase.md.verlet import VelocityVerlet

STEP = 0.5  # fs
TEMPERATURE = 300.0  # K
DROPLET, RUNS = 12, 4  # molecules of a droplet, and the number of trajectories, which start differently
EDGES = np.linspace(0.0, 8.0, 81)  # of the bins of distances, Å
KINDS = {"O-O": (8, 8), "O-H": (8, 1), "H-H": (1, 1)}


def at_constant_temperature(atoms: Atoms, seed: int) -> Langevin:
    """Return Langevin dynamics, with velocities of the temperature at the start."""
    rng = np.random.default_rng(seed)
    width = np.sqrt(atoms.get_masses() * units.kB * TEMPERATURE)[:, None]
    atoms.set_momenta(width * rng.normal(size=(len(atoms), 3)))
    return Langevin(atoms, STEP * units.fs, temperature_K=TEMPERATURE, friction=0.01 / units.fs, fixcm=False, rng=rng)


def frames(atoms: Atoms, seed: int, settle: float, length: float, every: float) -> Iterator[Atoms]:
    """Yield the atoms again and again after `settle` ps, until `length` ps later; `every` fs."""
    run = at_constant_temperature(atoms, seed)
    run.run(round(1000 * settle / STEP))
    for _ in range(round(1000 * length / every)):
        run.run(round(every / STEP))
        yield atoms


def counts(atoms: Atoms) -> dict[str, np.ndarray]:
    """Return how many pairs of atoms of two molecules are at each distance, a histogram for each kind."""
    distance = atoms.get_all_distances(mic=bool(atoms.pbc.any()))
    molecule = np.arange(len(atoms)) // 3
    apart = molecule[:, None] < molecule[None]
    found = {}
    for kind, (a, b) in KINDS.items():
        first, second = atoms.numbers[:, None], atoms.numbers[None]
        wanted = apart & (((first == a) & (second == b)) | ((first == b) & (second == a)))
        found[kind] = np.histogram(distance[wanted], EDGES)[0]
    return found


def droplet(seed: int, model: str | None, backend: str, settle: float, length: float) -> dict[str, np.ndarray]:
    """Return the histograms of a droplet's distances, and its mean potential energy; without a model, of GFN2-xTB."""
    atoms = water.droplet(DROPLET, np.random.default_rng(1000 + seed))
    calculator = water.xtb() if model is None else calculator_of(model, backend)
    atoms.calc = water.Walled(calculator, water.wall_radius(DROPLET))
    records = [(counts(a), a.get_potential_energy()) for a in frames(atoms, seed, settle, length, 20.0)]
    found = {kind: np.sum([one[kind] for one, _ in records], axis=0) for kind in KINDS}
    return found | {"energy": np.mean([energy for _, energy in records])}


def densities(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the probability density of distances, 1/Å, and its standard error from the scatter of trajectories."""
    each = rows / rows.sum(axis=1, keepdims=True) / np.diff(EDGES)
    return each.mean(axis=0), each.std(axis=0, ddof=1) / np.sqrt(len(each))


def difference(first: np.ndarray, second: np.ndarray) -> float:
    """Return the share of pairs that are at other distances in one density than in the other, between 0 and 1."""
    return float(0.5 * np.sum(np.abs(densities(first)[0] - densities(second)[0]) * np.diff(EDGES)))


def radial(total: np.ndarray, pairs: int, volume: float) -> np.ndarray:
    """Return the radial distribution function g(r) of a periodic box from its mean histogram."""
    shells = 4 / 3 * np.pi * np.diff(EDGES**3)
    return total / (pairs * shells / volume)


def settled_box(calculator, molecules: int, settle: float, length: float) -> tuple[Atoms, dict[str, np.ndarray]]:
    """Return a periodic box at 300 K and 1 g/cm³ after dynamics, and its radial distribution functions."""
    atoms = water.box(molecules, water.edge_of(molecules), np.random.default_rng(7))
    atoms.calc = water.Simple()  # from a lattice to a liquid
    at_constant_temperature(atoms, 6).run(2000)
    atoms.calc = calculator
    total = [counts(a) for a in frames(atoms, 7, settle, length, 20.0)]
    pairs = {"O-O": molecules * (molecules - 1) / 2, "O-H": 2 * molecules * (molecules - 1)}
    pairs["H-H"] = pairs["O-H"]
    mean = {kind: np.mean([found[kind] for found in total], axis=0) for kind in KINDS}
    return atoms, {kind: radial(mean[kind], pairs[kind], atoms.get_volume()) for kind in KINDS}


def energies(atoms: Atoms, length: float) -> np.ndarray:
    """Return times (ps), total energies and temperatures of dynamics at constant energy, a row every 5 fs."""
    momenta = atoms.get_momenta()
    atoms.set_momenta(momenta - momenta.mean(axis=0))
    run, rows = VelocityVerlet(atoms, STEP * units.fs), []
    for k in range(round(1000 * length / 5) + 1):
        run.run(10 if k else 0)
        rows.append((0.005 * k, atoms.get_total_energy(), atoms.get_temperature()))
    return np.array(rows)


def drift(rows: np.ndarray, atoms: int) -> dict[str, float]:
    """Return the slope of the energy and its scatter around a line, both of an atom, and the mean temperature."""
    line = np.polyfit(rows[:, 0], 1000 * rows[:, 1] / atoms, 1)
    scatter = np.std(1000 * rows[:, 1] / atoms - np.polyval(line, rows[:, 0]))
    found = {"drift_meV_per_atom_ps": line[0], "scatter_meV_per_atom": scatter, "temperature_K": rows[:, 2].mean()}
    return {name: float(value) for name, value in found.items()}


def pictures(number: int):
    """Return a figure and its axes, beside each other."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot.subplots(1, number, figsize=(4 * number, 3.2), layout="constrained")


def middle() -> np.ndarray:
    """Return the middles of the bins."""
    return (EDGES[1:] + EDGES[:-1]) / 2


def draw_distances(parts: dict[str, dict[str, np.ndarray]], file: str) -> None:
    """Draw the densities of distances of several calculations, with bands of two standard errors."""
    figure, axes = pictures(len(KINDS))
    for axis, kind in zip(axes, KINDS, strict=True):
        for name, rows in parts.items():
            mean, error = densities(rows[kind])
            axis.plot(middle(), mean, label=name)
            axis.fill_between(middle(), mean - 2 * error, mean + 2 * error, alpha=0.3)
        axis.set(title=f"{kind} between molecules", xlabel="distance / Å", ylabel="density / (1/Å)")
    axes[0].legend()
    figure.savefig(file, dpi=110)


def draw_box(rows: np.ndarray, functions: dict[str, np.ndarray], atoms: Atoms, file: str) -> None:
    """Draw radial distribution functions up to half the edge, and the total energy beside time."""
    figure, (left, right) = pictures(2)
    inside = middle() < atoms.cell[0, 0] / 2
    for kind, values in functions.items():
        left.plot(middle()[inside], values[inside], label=kind)
    left.set(xlabel="distance / Å", ylabel="g(r), between molecules", title="box at 300 K")
    left.legend()
    right.plot(rows[:, 0], 1000 * (rows[:, 1] - rows[0, 1]) / len(atoms))
    right.set(xlabel="time / ps", ylabel="total energy / (meV/atom)", title="constant energy")
    figure.savefig(file, dpi=110)


def calculator_of(model: str, backend: str):
    """Return a calculator of a model, in float64."""
    import dpa2
    from dpa2.ase import DPA2

    return DPA2(dpa2.load(model, backend=backend, dtype="float64"))


def run_droplet(options: argparse.Namespace) -> dict:
    """Run the droplet with GFN2-xTB or a model, and write its histograms."""
    given = options.model, options.backend, options.settle, options.length
    with ProcessPoolExecutor(options.processes, multiprocessing.get_context("spawn")) as pool:
        found = list(pool.map(droplet, range(RUNS), *([value] * RUNS for value in given)))
    rows = {name: np.array([one[name] for one in found]) for name in found[0]}
    np.savez_compressed(options.file, **rows)
    return {"energy_eV": rows["energy"].tolist()}


def run_compare(options: argparse.Namespace) -> dict:
    """Compare two droplets."""
    first, second = ({**np.load(file)} for file in (options.first, options.second))
    if options.png:
        draw_distances({"GFN2-xTB": first, "DPA-2": second}, options.png)
    halves = {kind: difference(first[kind][::2], first[kind][1::2]) for kind in KINDS}
    return {
        "at_other_distances": {kind: difference(first[kind], second[kind]) for kind in KINDS},
        "halves_of_the_first": halves,
        "energy_difference_meV_per_atom": float(
            1000 * (second["energy"].mean() - first["energy"].mean()) / 3 / DROPLET
        ),
    }


def run_box(options: argparse.Namespace) -> dict:
    """Run the periodic box with a model."""
    calculator = calculator_of(options.model, options.backend)
    atoms, functions = settled_box(calculator, options.molecules, options.settle, options.length)
    rows = energies(atoms, options.length)
    if options.png:
        draw_box(rows, functions, atoms, options.png)
    peak = {kind: float(middle()[20:][np.argmax(f[20:])]) for kind, f in functions.items()}
    return drift(rows, len(atoms)) | {"atoms": len(atoms), "ps": options.length, "highest_at_A": peak}


def main() -> None:
    """Do what the command line asks for, and print the results as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="what", required=True)
    for name, action in (("reference", run_droplet), ("droplet", run_droplet), ("box", run_box)):
        part = parts.add_parser(name)
        part.set_defaults(action=action, model=None, backend="numpy")
        if name != "reference":
            part.add_argument("model")
            part.add_argument("--backend", default="numpy")
        if name == "box":
            part.add_argument("--molecules", type=int, default=32)
            part.add_argument("--png")
        else:
            part.add_argument("file", type=Path)
            part.add_argument("--processes", type=int, default=2)
        part.add_argument("--settle", type=float, default=1.0, help="time before the first record, ps")
        part.add_argument("--length", type=float, default=4.0, help="time of the records, ps")
    compare = parts.add_parser("compare")
    compare.set_defaults(action=run_compare)
    compare.add_argument("first")
    compare.add_argument("second")
    compare.add_argument("--png")
    options = parser.parse_args()
    print(json.dumps(options.action(options), indent=1))


if __name__ == "__main__":
    main()
