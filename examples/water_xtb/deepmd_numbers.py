"""Record what DeePMD-kit computes for a model: python examples/water_xtb/deepmd_numbers.py MODEL.pt IN.npz OUT.npz.

Needs DeePMD-kit with PyTorch. MODEL.pt is what `dpa2 convert MODEL.dp MODEL.pt --dtype float64` writes: DeePMD-kit
computes in the precision of the file. IN.npz has `NAME/coordinates`, `NAME/types` and, for boxes, `NAME/cell`; OUT.npz
has all that IN.npz has, and `NAME/energy`, `NAME/forces`, `NAME/virial`, `NAME/atom_energy`.
"""

from __future__ import annotations

import sys

import numpy as np
from deepmd.infer import DeepPot


def main(model: str, source: str, target: str) -> None:
    """Evaluate all structures, and write them with the results."""
    with np.load(source) as arrays:
        found = dict(arrays)
    potential = DeepPot(model)
    for name in {key.split("/")[0]: None for key in found}:
        coordinates, types, cell = (found.get(f"{name}/{what}") for what in ("coordinates", "types", "cell"))
        box = None if cell is None else cell.reshape(1, 9)
        energy, forces, virial, atoms, _ = potential.eval(coordinates[None], box, types.tolist(), atomic=True)
        results = {"energy": energy[0, 0], "forces": forces[0], "virial": virial[0].reshape(3, 3)}
        found |= {f"{name}/{what}": array for what, array in results.items()}
        found[f"{name}/atom_energy"] = atoms[0, :, 0]
    np.savez_compressed(target, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
