"""What a cell of a benchmark evaluates: a model file, a structure with its neighbour list, and what is asked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

CLOSEST = 0.9  # Å, of atoms in the made-up water
MODELS = Path(__file__).with_name("models")


@dataclass(frozen=True)
class Task:
    """One cell: `model` is a `.dp` file, `structure` an `.npz` file.

    `quantity` is efv (energy, forces, virial), full (the same with the neighbour list), descriptor or neighbors.
    `block` atoms are worked on together; `copies` of the structure are evaluated in one call within `limit` bytes.
    `device` is cpu or cuda.
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


def model_file(name: str, dtype: str, folder: Path) -> Path:
    """One of the published water models, in a precision, with weights from a seed: the same for all who read it."""
    import dpa2

    path = folder / f"{name}.{dtype}.dp"
    if not path.exists():
        built = dpa2.build(json.loads((MODELS / f"{name}.json").read_text())["model"], seed=0)
        dpa2.save(built.to("numpy", dtype=dtype), path)
        dpa2.convert(path, path.with_suffix(".safetensors"))  # what dpa2 reads: the same to the bit
    return path


def structure_file(atoms: int, model: Path, folder: Path) -> Path:
    """A made-up water box, and the extended atoms and list that go with it."""
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
    """Atoms, then the images that somebody sees; the neighbour list over them; which atom each is an image of."""
    from dpa2.structures.system import wrapped

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
