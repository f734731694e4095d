"""Evaluation of a cell with DeePMD-kit 3.2, on the same model file, extended atoms and neighbour list."""

from __future__ import annotations

import numpy as np

from . import loops
from .task import CLOSEST, Task


def make(task: Task):
    """Return a function as `ours.make` does; the implementation is `peer:pt`, `peer:jax` or `peer:dpmodel`."""
    data = np.load(task.structure)
    nlist = padded(data["nlist"], node(task)["descriptor"]["repinit_args"]["nsel"])
    arrays = data["extended"], data["types"][data["mapping"]], nlist, data["mapping"]
    return MAKERS[task.implementation.removeprefix("peer:")](task, [a[None] for a in arrays])


def node(task: Task) -> dict:
    """Return the serialized model in the file of the task."""
    from deepmd.dpmodel.utils.serialization import load_dp_model

    return load_dp_model(task.model)["model"]


def padded(nlist: np.ndarray, width: int) -> np.ndarray:
    """Return the neighbour list with empty slots up to the width that DeePMD-kit demands."""
    return np.pad(nlist, ((0, 0), (0, width - nlist.shape[1])), constant_values=-1)


def pytorch(task: Task, arrays):
    """Return the function for the PyTorch back end."""
    import torch

    torch.set_num_threads(task.threads)
    from deepmd.pt.model.model import BaseModel
    from deepmd.pt.model.model.transform_output import communicate_extended_output

    model = BaseModel.deserialize(node(task))
    model.eval()
    if task.compressed:
        model.min_nbor_dist = torch.tensor(CLOSEST, dtype=torch.float64)
        model.enable_compression(5.0, 0.01, 0.1, -1)
    model.to(task.device)
    x, types, nlist, mapping = (torch.tensor(a, device=task.device) for a in arrays)
    if task.quantity == "descriptor":
        own = model.atomic_model.descriptor

        def evaluate():
            with torch.no_grad():
                found = own(x.to(getattr(torch, task.dtype)), types, nlist, mapping=mapping)[0]
            return {"descriptor": found[0].cpu().numpy()}

        return evaluate

    def forces(positions, shift):
        lower = model.forward_common_lower(positions[mapping] + shift, types, nlist, mapping)
        out = communicate_extended_output(lower, model.model_output_def(), mapping, do_atomic_virial=False)
        return out["energy_redu"].detach(), out["energy_derv_r"].detach().reshape(-1, 3)

    if task.quantity == "dynamics":
        positions = x[0, : nlist.shape[1]]
        shift = x - positions[mapping]
        masses = torch.tensor(loops.masses(types[0, : nlist.shape[1]].cpu().numpy()), device=task.device)
        return loops.one_by_one(task, lambda here: forces(here, shift), positions, masses)

    def run():
        lower = model.forward_common_lower(x, types, nlist, mapping)
        out = communicate_extended_output(lower, model.model_output_def(), mapping, do_atomic_virial=False)
        names = ("energy_redu", "energy_derv_r", "energy_derv_c_redu")
        return dict(zip(("energy", "forces", "virial"), (out[n].detach().cpu().numpy() for n in names), strict=True))

    return run


def jax(task: Task, arrays):
    """Return the function for the JAX back end, compiled."""
    import deepmd.jax.model  # noqa: F401
    import jax
    import jax.numpy as jnp
    from deepmd.jax.model.base_model import BaseModel

    model = BaseModel.deserialize(node(task))
    x, types, nlist, mapping = (jnp.asarray(a) for a in arrays)
    if task.quantity == "descriptor":
        own, flat = model.atomic_model.descriptor, x.reshape(1, -1).astype(task.dtype)
        function = jax.jit(lambda x, t, n, m: own(x, t, n, mapping=m)[0])
        return lambda: {"descriptor": np.asarray(function(flat, types, nlist, mapping))[0]}
    atoms = nlist.shape[1]

    def lower(x, types, nlist, mapping):
        out = model.call_common_lower(x, types, nlist, mapping)
        forces = jnp.zeros((atoms, 3), x.dtype).at[mapping[0]].add(out["energy_derv_r"].reshape(-1, 3))
        return {"energy": out["energy_redu"], "forces": forces, "virial": out["energy_derv_c_redu"]}

    if task.quantity == "dynamics":
        positions = x[0, :atoms]
        shift = x - positions[mapping]

        def forces(here):
            out = lower(here[mapping] + shift, types, nlist, mapping)
            return out["energy"].reshape(()), out["forces"]

        return loops.scanned(task, forces, positions, loops.masses(data_types(types, atoms)))

    function = jax.jit(lower)
    return lambda: {k: np.asarray(v) for k, v in function(x, types, nlist, mapping).items()}


def data_types(types, atoms: int) -> np.ndarray:
    """Return the types of the atoms themselves, without their images."""
    return np.asarray(types)[0, :atoms]


def dpmodel(task: Task, arrays):
    """Return the function for the NumPy back end, which computes descriptors only."""
    from deepmd.dpmodel.model.base_model import BaseModel

    own = BaseModel.deserialize(node(task)).atomic_model.descriptor
    x, types, nlist, mapping = arrays
    flat = x.reshape(1, -1).astype(task.dtype)
    return lambda: {"descriptor": own.call(flat, types, nlist, mapping=mapping)[0][0]}


MAKERS = {"pt": pytorch, "jax": jax, "dpmodel": dpmodel}
