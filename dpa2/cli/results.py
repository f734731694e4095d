"""Results of evaluations: one row for each frame, their errors against labels, and the file they are written to."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..config import ENERGY, DPA2Config
from ..errors import InputError, require
from ..structures.datasets import Frame
from ..structures.system import System, are_real
from ..surveys.accuracy.quantities import quantities_of
from ..surveys.accuracy.results import rmse
from .head_results import value_row

# Numbers of one frame, each with the function that returns it from a row, or None where it is not known.
OF_FRAMES: dict[str, Callable[[dict], float | None]] = {
    "largest force / eV/Å": lambda row: row["largest_force"],
    "pressure / eV/Å³": lambda row: row["pressure"],
    "energy error / eV/atom": lambda row: row.get("energy_error"),
    "force RMSE / eV/Å": lambda row: rmse(row["force_error"][row["real"]]) if "force_error" in row else None,
}
WITH_ASE = (".extxyz", ".xyz", ".traj")  # formats of the file of results that ASE writes


def check_name(file: str | None) -> None:
    """Raise an error, before any work is done, for a name whose suffix is none of those that are written.

    >>> check_name("results.npz")
    """
    if file is None:
        return
    if Path(file).suffix not in WRITERS:
        rule = f"results are written as {', '.join(WRITERS)}; give the file one of these suffixes"
        raise InputError(f"{file}: {rule}", argument="out", file=file)
    if Path(file).suffix in WITH_ASE:
        require("ase.io", "ase")


def row(config: DPA2Config, frame: Frame, found: Any, to_numpy: Callable, errors: Mapping[str, np.ndarray]) -> dict:
    """Results of one evaluation (eV, eV/Å, pressure in eV/Å³), with their errors against the labels of the frame.

    Virtual atoms, which fill up frames of the mixed layout, are no atoms: they are not counted and have no errors.
    errors: of real atoms, by the keys of quantities; those of energies and virials are divided by the number of atoms.
    """
    real = are_real(frame.system.types)
    out = energy_row(found, real, to_numpy) if config.kind == ENERGY else value_row(config, found, real, to_numpy)
    out = {"name": frame.name, "real": real} | out
    for quantity in quantities_of(config):
        if quantity.key in errors:
            error = errors[quantity.key] / (out["atoms"] if quantity.extensive else 1)
            out[f"{quantity.key}_error"] = spread(error, real) if quantity.of_atoms else error
    return out


def spread(numbers: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Return numbers of real atoms as numbers of all atoms, 0 of virtual ones."""
    everywhere = np.zeros((len(real), *numbers.shape[1:]))
    everywhere[real] = numbers
    return everywhere


def energy_row(found: Any, real: np.ndarray, to_numpy: Callable) -> dict:
    """Return the part of a row that an evaluation of energies gives."""
    forces, virial = to_numpy(found.forces), to_numpy(found.virial)
    volume = found.volume
    return {
        "atoms": int(real.sum()),
        "energy": float(to_numpy(found.energy)),
        "forces": forces,
        "virial": virial,
        "atom_energy": to_numpy(found.atom_energy),
        "largest_force": float(np.sqrt((forces[real] ** 2).sum(axis=1)).max(initial=0.0)),
        "pressure": None if volume is None else float(np.trace(virial) / (3 * volume)),
    }


def published(row: dict) -> dict:
    """Return what files have of a row: everything but which atoms are real, and what its value is called."""
    return {name: value for name, value in row.items() if name not in ("real", "value")}


def plain(row: dict) -> dict:
    """Return the row with lists in place of arrays, for JSON."""
    return {n: value.tolist() if isinstance(value, np.ndarray) else value for n, value in published(row).items()}


def write(rows: list[dict], systems: list[System], file: str) -> None:
    """Write the rows of checked systems to one file, in the format that its suffix names."""
    from ..serialization.atomic import replacing

    with replacing(file) as temporary:
        WRITERS[Path(file).suffix](rows, systems, temporary)


def write_npz(rows: list[dict], systems: list[System], file: Path) -> None:
    """Write an archive in which entry `name` of row `index` has the key `index/name`."""
    buffer = io.BytesIO()
    arrays = {f"{k}/{n}": np.asarray(v) for k, r in enumerate(rows) for n, v in published(r).items() if v is not None}
    np.savez(buffer, allow_pickle=False, **arrays)
    file.write_bytes(buffer.getvalue())


def write_json(rows: list[dict], systems: list[System], file: Path) -> None:
    """Write a list with an object for each row."""
    file.write_bytes(json.dumps([plain(r) for r in rows]).encode())


def write_with_ase(rows: list[dict], systems: list[System], file: Path) -> None:
    """Write structures of ASE with energies, forces, atomic energies and, if all axes are periodic, stress.

    Virtual atoms are left out. A type that is no chemical element becomes X; the array `type` has all names then.
    The lattice vector of an axis that is not periodic is zero.
    """
    images = [image(row, system) for row, system in zip(rows, systems, strict=True)]
    require("ase.io", "ase").write(file, images, format="traj" if file.suffix == ".traj" else "extxyz")


def image(row: dict, system: System):
    """A checked system as ASE has it, with the results of its row."""
    ase, data = require("ase", "ase"), require("ase.data", "ase")
    single = require("ase.calculators.singlepoint", "ase")
    real = row["real"]
    names = np.array(system.type_map)[np.asarray(system.types)[real]]
    numbers = [data.atomic_numbers.get(str(name), 0) for name in names]
    atoms = ase.Atoms(numbers, np.asarray(system.coordinates)[real], info={"name": row["name"]})
    energies = "value" not in row
    results = ase_results(row, real) if energies else kept_values(atoms, row, real)
    if system.cell is not None:
        atoms.set_cell(np.where(np.array(system.pbc)[:, None], system.cell, 0.0))
        atoms.pbc = system.pbc
    if atoms.pbc.all() and energies:
        results["stress"] = (-row["virial"] / atoms.get_volume()).ravel()[[0, 4, 8, 5, 2, 1]]
    if not all(numbers):
        atoms.set_array("type", names)
    atoms.calc = single.SinglePointCalculator(atoms, **results)
    return atoms


def ase_results(row: dict, real: np.ndarray) -> dict:
    """Return energies and forces of real atoms under ASE's names."""
    return {"energy": row["energy"], "forces": row["forces"][real], "energies": row["atom_energy"][real]}


def kept_values(atoms, row: dict, real: np.ndarray) -> dict:
    """Return the dipole, and put other values, and those of atoms, into `atoms.info` and `atoms.arrays`."""
    name = row["value"]
    atoms.set_array(f"atom_{name}", row[f"atom_{name}"].reshape(len(real), -1)[real])
    if name == "dipole":
        return {"dipole": row[name]}
    atoms.info[name] = row[name]
    return {}


WRITERS: dict[str, Callable[[list[dict], list[System], Path], None]] = {
    ".npz": write_npz,
    ".json": write_json,
    **dict.fromkeys(WITH_ASE, write_with_ase),
}
