"""The task of a cell: a model file, a structure with its neighbour list, and the quantity to compute."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

CLOSEST = 0.9  # smallest distance between atoms in the random water boxes, Å
MODELS = Path(__file__).with_name("models")


@dataclass(frozen=True)
class Task:
    """The task of one cell.

    model, structure: a `.dp` file and an `.npz` file.
    quantity: efv (energy, forces, virial), full (the same with the neighbour list), descriptor, neighbors, potential
    (efv of a potential, whose list is kept) or dynamics (so many `steps` at constant energy; `inside`: of torch-sim).
    block: number of atoms in a chunk. copies, limit: this many copies of the structure are evaluated in one call,
    within this many bytes. device: cpu or cuda.
    """

    implementation: str
    model: str
    structure: str
    atoms: int
    dtype: str = "float64"
    quantity: str = "efv"
    threads: int = 2
    accelerated: bool = False
    compressed: bool = False
    block: int | None = None
    copies: int = 1
    limit: int | None = None
    device: str = "cpu"
    steps: int = 1
    inside: str | None = None


def model_file(name: str, dtype: str, folder: Path) -> Path:
    """Write one of the water models with random weights from a fixed seed, and return the path of the .dp file."""
    import dpa2

    path = folder / f"{name}.{dtype}.dp"
    if not path.exists():
        built = dpa2.build(json.loads((MODELS / f"{name}.json").read_text())["model"], seed=0)
        dpa2.save(built.to("numpy", dtype=dtype), path)
        dpa2.convert(path, path.with_suffix(".safetensors"))  # dpa2 reads this copy, which is equal to the bit
    return path


def structure_file(atoms: int, model: Path, folder: Path) -> Path:
    """Write a random water box with its extended atoms and neighbour list, and return the path."""
    import dpa2
    from dpa2.model.preparation import check_system, list_neighbors
    from dpa2.testing import water_box

    path = folder / f"water.{atoms}.npz"
    if path.exists():
        return path
    reader = dpa2.load(model)
    system = check_system(reader.config, water_box(atoms // 3, seed=0))
    found = list_neighbors(reader.config, system, "truncate")
    np.savez(path, coordinates=system.coordinates, types=system.types, cell=system.cell, **extended(system, found))
    return path


def extended(system, found) -> dict:
    """Positions of atoms and of their images in neighbour lists, the lists over both, and the atom of each image."""
    from dpa2.structures.lattice import wrapped

    atoms = len(system.types)
    position = wrapped(system.coordinates, system.cell)
    used = found.index >= 0
    center = np.broadcast_to(np.arange(atoms)[:, None], used.shape)[used]
    image, first = np.unique(found.extended[used], return_index=True)
    ghosts = image >= atoms
    seen = (position[center] + found.vector[used])[first[ghosts]]
    number = np.full(int(image.max(initial=0)) + 1, -1)
    number[:atoms] = np.arange(min(atoms, len(number)))
    number[image[ghosts]] = atoms + np.arange(ghosts.sum())
    nlist = np.full(used.shape, -1)
    nlist[used] = number[found.extended[used]]
    mapping = np.concatenate([np.arange(atoms), found.index[used][first[ghosts]]])
    return {"extended": np.concatenate([position, seen]), "nlist": nlist, "mapping": mapping}
