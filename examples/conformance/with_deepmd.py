"""DeePMD-kit's NumPy back end as a target: `dpa2 check with_deepmd:evaluate`, in an environment with both packages.

Only the outputs of the descriptor and of the model are compared, because other intermediates are not accessible.
"""

from __future__ import annotations

import numpy as np
from deepmd.dpmodel.model.base_model import BaseModel
from deepmd.dpmodel.utils.serialization import load_dp_model


def evaluate(model, coordinates, types, cell, fparam, aparam, neighbors, vectors):
    """Return outputs of the descriptor on the given neighbours, and energies on neighbours that DeePMD-kit finds."""
    its = BaseModel.deserialize(load_dp_model(model)["model"])
    found = its.call(coordinates[None], types[None], *(None if x is None else x[None] for x in (cell, fparam, aparam)))
    return descriptor(its.atomic_model.descriptor, coordinates, types, neighbors, vectors) | {
        "energy": found["energy"][0], "atom_energy": found["atom_energy"][0]
    }  # fmt: skip


def descriptor(its, coordinates, types, neighbors, vectors) -> dict:
    """Return f, rotation matrix, g, h and switch; every neighbour is an extended atom."""
    used = neighbors >= 0
    center = np.nonzero(used)[0]
    atoms, images = len(types), int(used.sum())
    places = np.concatenate([coordinates, coordinates[center] + vectors[used]])
    origin = np.concatenate([np.arange(atoms), neighbors[used]])
    nlist = np.full((atoms, its.get_nsel()), -1)
    nlist[:, : used.shape[1]][used] = atoms + np.arange(images)
    names = ("g1", "rot_mat", "g2", "h2", "sw")
    # virtual atoms are of the first type here; the model leaves them out of the energy
    found = its.call(places.reshape(1, -1), np.maximum(types, 0)[origin][None], nlist[None], mapping=origin[None])
    return {name: np.asarray(array)[0] for name, array in zip(names, found, strict=True)}
