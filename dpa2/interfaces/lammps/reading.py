"""What LAMMPS holds on a rank, as copies: its atoms, its neighbour list, and which computes it has."""

from __future__ import annotations

import os
import re
import tempfile
from typing import Any

import numpy as np

from ...errors import InputError
from ...nn.arrays import Float
from ...structures.lattice import wrapped
from .nodes import Atoms, read_pairs

EV = {"metal": 1.0, "real": 23.060549}  # of LAMMPS' unit of energy, as LAMMPS itself converts eV to kcal/mol
STYLE = re.compile(r"^Compute\[.*\]:\s*(\S+),\s*style = (\S+),", re.MULTILINE)


def read_atoms(lmp: Any, own: int) -> Atoms:
    """Return own atoms and ghosts of this rank."""
    count = own + lmp.extract_setting("nghost")
    if count == 0:
        return Atoms(0, np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros((0, 3)))
    tags, types = (lmp.numpy.extract_atom(name)[:count].astype(np.int64) for name in ("id", "type"))
    return Atoms(own, tags, types, lmp.numpy.extract_atom("x")[:count].copy())


def places_in_box(lmp: Any, positions: Float[np.ndarray, "atom 3"]) -> Float[np.ndarray, "atom 3"]:
    """Return positions in the box, relative to its corner: the virial of single atoms depends on the image."""
    low, high, xy, yz, xz, periodic, _ = lmp.extract_box()
    x, y, z = np.subtract(high, low)
    cell = np.array([[x, 0.0, 0.0], [xy, y, 0.0], [xz, yz, z]])
    return wrapped(positions - low, cell, tuple(map(bool, periodic)))


def read_list(lmp: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return centres and neighbours of all pairs in the list of the pair style `zero`, with its skin."""
    number = lmp.find_pair_neighlist("zero")
    if number < 0:
        rule = "the model's pair style is gone; give it again and attach the model after it"
        raise InputError(f"pair_style zero: {rule}", argument="pair_style")
    require_whole_list(lmp)
    found = lmp.numpy.get_neighlist(number)
    return read_pairs(found.size, found.get)


def require_whole_list(lmp: Any) -> None:
    """Raise `InputError` where LAMMPS leaves pairs of bonded atoms out of its lists."""
    if not (lmp.extract_setting("molecule_flag") and lmp.extract_global("nbonds")):
        return
    scales = zip(lmp.extract_global("special_lj")[1:4], lmp.extract_global("special_coul")[1:4], strict=True)
    if any(lj == 0.0 and coul == 0.0 for lj, coul in scales):
        rule = "LAMMPS leaves bonded atoms out of the neighbour list; use `special_bonds lj/coul 1.0 1.0 1.0`"
        raise InputError(f"special_bonds: {rule}", argument="special_bonds")


def unit_of_energy(lmp: Any) -> float:
    """Return an eV in LAMMPS' units; lengths must be Å."""
    units = lmp.extract_global("units")
    if units not in EV:
        raise InputError(f"units {units}: a model of dpa2 runs with {' or '.join(EV)}", argument="units")
    return EV[units]


def styles_of_computes(lmp: Any, comm: Any) -> dict[str, str]:
    """Return the style of each compute by its ID."""
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "computes")
        lmp.command(f'info computes out overwrite "{comm.bcast(file)}"')
        text = ""
        if os.path.exists(file):
            with open(file) as stream:
                text = stream.read()
    return dict(STYLE.findall(comm.bcast(text)))
