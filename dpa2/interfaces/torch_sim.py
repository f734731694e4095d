"""A DPA-2 model as a model of torch-sim, for batches of systems of different sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import require
from ..evaluation.results import Evaluation
from ..model.model import Model
from ..nn.arrays import Array
from ..structures.elements import Elements
from ..structures.parameters import refuse_unasked
from ..structures.system import System, host_array
from .batches import Batches, end_to_end, on_torch

torch: Any = require("torch", "torch-sim")
if TYPE_CHECKING:
    from torch_sim.models.interface import ModelInterface
    from torch_sim.state import SimState
else:
    ModelInterface = require("torch_sim.models.interface", "torch-sim").ModelInterface
    SimState = require("torch_sim.state", "torch-sim").SimState


class DPA2Model(ModelInterface):  # type: ignore[misc]
    """Energies, forces, stresses and energies of atoms (eV, Å) of the systems of a state, in one pass.

    Parameters
    ----------
    file
        A model file, or a `dpa2.Model` on any library; it is evaluated on PyTorch.
    device, dtype
        Where and in which precision, as for `dpa2.load`, or objects of PyTorch; None for those of the file or model.
    head
        Of a multi-task file.
    skin
        Distance, Å, by which neighbours are searched beyond the cutoff. A list is kept until an atom has moved half of
        it, or the cell changes; results do not depend on it.
    neighbors
        "strict" or "truncate", as for `Model.evaluate`.
    types
        Types of the model for elements that it names otherwise, as in {"O": "OW", "H": "HW"}.
    fparam
        Frame parameters of all systems, if the fitting net takes them.
    compute_forces, compute_stress
        Whether results have them; attributes that may be set later.
    memory_scales_with
        By what autobatching measures systems. The number of edges grows with "n_atoms_x_density"; systems without a
        cell need "n_atoms".

    Raises
    ------
    InputError
        An argument has no valid value, or the model does not predict energies. On evaluation: all errors of
        `Model.evaluate`, with an atom of an element that is no type of the model among them.

    Notes
    -----
    Results have the dtype and the device of the state. The stress has torch-sim's sign (tension is positive, eV/Å³)
    and is NaN where the systems are not periodic along all three axes. `state.pbc` may be three booleans.

    Examples
    --------
    >>> import dpa2, torch, torch_sim
    >>> from dpa2.interfaces.torch_sim import DPA2Model
    >>> model = DPA2Model(dpa2.demo.MODEL)
    >>> x, z = torch.tensor([[0.0, 0, 0], [0.96, 0, 0], [0, 0, 0]], dtype=model.dtype), torch.tensor([8, 1, 8])
    >>> cells, alone = torch.zeros(2, 3, 3, dtype=model.dtype), torch.tensor([0, 0, 1])
    >>> out = model(torch_sim.SimState(x, torch.ones(3), cells, False, z, alone))
    >>> out["energy"].shape, out["forces"].shape
    (torch.Size([2]), torch.Size([3, 3]))
    """

    def __init__(
        self,
        file: str | PathLike[str] | Model,
        *,
        device: Any = None,
        dtype: Any = None,
        head: str | None = None,
        skin: float = 0.5,
        neighbors: str = "strict",
        types: Mapping[str, str] | None = None,
        fparam: Array | None = None,
        compute_forces: bool = True,
        compute_stress: bool = True,
        memory_scales_with: str = "n_atoms_x_density",
    ) -> None:
        super().__init__()
        model = on_torch(file, device, dtype, head)
        model.require_energies("torch-sim")
        refuse_unasked(model.config.fitting, fparam, None)
        self.batches = Batches(model, skin, neighbors)
        self.elements, self.fparam = Elements.of(model.type_map, types), fparam
        self._device = torch.device(model.backend.device)
        self._dtype = torch.float64 if model.config.dtype == "float64" else torch.float32
        self._compute_forces, self._compute_stress = compute_forces, compute_stress
        self._memory_scales_with = memory_scales_with

    @property
    def model(self) -> Model:
        """The model on PyTorch."""
        return self.batches.model

    @property
    def compute_forces(self) -> bool:
        """Whether results have forces."""
        return self._compute_forces

    @compute_forces.setter
    def compute_forces(self, value: bool) -> None:
        self._compute_forces = value

    @property
    def compute_stress(self) -> bool:
        """Whether results have stresses."""
        return self._compute_stress

    @compute_stress.setter
    def compute_stress(self, value: bool) -> None:
        self._compute_stress = value

    def forward(self, state: SimState | dict, **unused: Any) -> dict[str, Array]:
        """Return energy (system,), energies (atom,), and, as asked for, forces (atom, 3) and stress (system, 3, 3)."""
        if isinstance(state, dict):
            state = SimState(**({"masses": torch.ones_like(state["positions"][:, 0])} | state))
        order, systems = self.systems_of(state)
        return self.outputs(state, order, self.batches.evaluate(systems))

    def systems_of(self, state: SimState) -> tuple[np.ndarray, list[System]]:
        """Return the atoms of a state in the order of its systems, and these systems."""
        number = host_array(state.system_idx, "system_idx")
        order, cells = np.argsort(number, kind="stable"), host_array(state.row_vector_cell, "cell")
        positions = host_array(state.positions, "positions")[order]
        numbers = host_array(state.atomic_numbers, "atomic_numbers")[order]
        pbc = np.broadcast_to(host_array(state.pbc, "pbc"), (len(cells), 3))
        return order, end_to_end(self.elements, positions, numbers, cells, pbc, np.bincount(number), self.fparam)

    def outputs(self, state: SimState, order: np.ndarray, found: Sequence[Evaluation]) -> dict[str, Array]:
        """Return the results of all systems as tensors like those of the state."""

        def of_atoms(values: list) -> Array:
            joined = torch.cat(values)
            result = torch.empty_like(joined)
            result[torch.as_tensor(order, device=joined.device)] = joined
            return result

        results = {"energy": torch.stack([out.energy for out in found])}
        results["energies"] = of_atoms([out.atom_energy for out in found])
        if self.compute_forces:
            results["forces"] = of_atoms([out.forces for out in found])
        if self.compute_stress:
            results["stress"] = torch.stack([stress_of(out) for out in found])
        return {name: x.to(device=state.positions.device, dtype=state.positions.dtype) for name, x in results.items()}


def stress_of(out: Evaluation) -> Array:
    """Return the stress, NaN where there is no volume."""
    return torch.full_like(out.virial, torch.nan) if out.volume is None else out.stress
