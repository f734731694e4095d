"""Results of evaluations: one row for each frame, a summary, and the file they are written to."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..structures.datasets import Frame

SUFFIXES = (".npz", ".json")  # formats of the file of results


def check_name(file: str | None) -> None:
    """Raise an error, before any work is done, for a name with another suffix than .npz or .json.

    >>> check_name("results.npz")
    """
    if file is not None and Path(file).suffix not in SUFFIXES:
        rule = f"results are written as {' or '.join(SUFFIXES)}; give the file one of these suffixes"
        raise InputError(f"{file}: {rule}", argument="out", file=file)


def row(frame: Frame, found, to_numpy) -> dict:
    """Results of one evaluation, with their errors where the frame has labels (eV, eV/Å, pressure in eV/Å³).

    Virtual atoms, which fill up frames of the mixed layout, are no atoms: they are not counted and have no errors.
    """
    real = real_atoms(frame)
    forces, virial = to_numpy(found.forces), to_numpy(found.virial)
    volume = found.volume
    out = {
        "name": frame.name,
        "atoms": int(real.sum()),
        "energy": float(to_numpy(found.energy)),
        "forces": forces,
        "virial": virial,
        "atom_energy": to_numpy(found.atom_energy),
        "largest_force": float(np.sqrt((forces[real] ** 2).sum(axis=1)).max(initial=0.0)),
        "pressure": None if volume is None else float(np.trace(virial) / (3 * volume)),
    }
    if frame.energy is not None and real.any():
        out["energy_error"] = (out["energy"] - float(frame.energy)) / out["atoms"]
    if frame.forces is not None:
        out["force_error"] = np.where(real[:, None], forces - frame.forces, 0.0)
    return out


def real_atoms(frame: Frame) -> np.ndarray:
    """Return which atoms of a frame are real."""
    types = np.asarray(frame.system.types)
    return types >= 0 if types.dtype.kind in "iu" else np.ones(len(types), dtype=bool)


def summary(rows: list[dict]) -> dict[str, float]:
    """Root mean square errors of energies (eV per atom) and forces (eV/Å), if there are labels."""
    energy = [r["energy_error"] for r in rows if "energy_error" in r]
    force = [r for r in rows if "force_error" in r]
    components = 3 * sum(r["atoms"] for r in force)
    found = {}
    if energy:
        found["energy_rmse_per_atom"] = float(np.sqrt(np.mean(np.square(energy))))
    if components:
        found["force_rmse"] = float(np.sqrt(sum(np.sum(r["force_error"] ** 2) for r in force) / components))
    return found


def plain(row: dict) -> dict:
    """Return the row with lists in place of arrays, for JSON."""
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in row.items()}


def write(rows: list[dict], file: str) -> None:
    """Write all rows to one file; in .npz, entry `name` of row `index` has the key `index/name`."""
    from ..serialization.atomic import replacing

    if Path(file).suffix == ".json":
        content = json.dumps([plain(r) for r in rows]).encode()
    else:
        buffer = io.BytesIO()
        arrays = {f"{k}/{n}": np.asarray(v) for k, r in enumerate(rows) for n, v in r.items() if v is not None}
        np.savez(buffer, allow_pickle=False, **arrays)
        content = buffer.getvalue()
    with replacing(file) as temporary:
        temporary.write_bytes(content)
