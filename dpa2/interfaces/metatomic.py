"""A DPA-2 model as an atomistic model of metatomic.

Importing this module gives PyTorch the operator `dpa2::energies`, which files of such models call.
"""

# No annotations as strings, and no newer ones: metatomic and TorchScript read those of `forward`.
# ruff: noqa: UP006, UP035, UP045

from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Tuple

from ..config import DPA2Config
from ..errors import InputError, UnsupportedModel, require
from ..model.model import Model
from .batches import on_torch
from .energies import opened

torch: Any = require("torch", "metatomic")
metatomic: Any = require("metatomic.torch", "metatomic")
metatensor: Any = require("metatensor.torch", "metatomic")
if TYPE_CHECKING:
    from metatensor.torch import Labels, TensorBlock, TensorMap
    from metatomic.torch import ModelOutput, System

    Tensor = Any
else:
    Labels, TensorBlock, TensorMap = metatensor.Labels, metatensor.TensorBlock, metatensor.TensorMap
    ModelOutput, System = metatomic.ModelOutput, metatomic.System
    Tensor = torch.Tensor
PAPER = "https://doi.org/10.1038/s41524-024-01493-2"
ABOUT = (
    "A file of this model is for programs in Python that import dpa2.interfaces.metatomic before they load it; "
    "others end with 'Unknown builtin op: dpa2::energies', since the model is no TorchScript."
)


def atomistic_model(
    file: str | PathLike[str] | Model,
    *,
    device: Any = None,
    dtype: Any = None,
    head: str | None = None,
    skin: float = 0.5,
    neighbors: str = "strict",
    types: Mapping[str, str] | None = None,
    metadata: Any = None,
) -> Any:
    """Return a model as `metatomic.torch.AtomisticModel`, with the energies of systems or atoms (eV, Å).

    Forces and stresses follow by PyTorch's derivatives of these, as metatomic's calculators take them. `save` writes a
    file for programs in Python that import `dpa2.interfaces.metatomic` before they load it.

    Parameters
    ----------
    file
        A model file, or a `dpa2.Model` on any library; it is evaluated on PyTorch.
    device, dtype
        Where and in which precision, as for `dpa2.load`; None for those of the file or model.
    head
        Of a multi-task file.
    skin
        Distance, Å, by which neighbours are searched beyond the cutoff: dpa2 makes and keeps lists itself.
    neighbors
        "strict" or "truncate", as for `Model.evaluate`.
    types
        Types of the model for elements that it names otherwise, as in {"O": "OW", "H": "HW"}.
    metadata
        `metatomic.torch.ModelMetadata`; None for the name and the paper of DPA-2.

    Raises
    ------
    InputError
        An argument has no valid value, or the model does not predict energies.
    UnsupportedModel
        The model takes parameters of frames or atoms that metatomic's programs do not know (facts: what).

    Examples
    --------
    >>> import ase, dpa2
    >>> from dpa2.interfaces.metatomic import atomistic_model
    >>> from metatomic_ase import MetatomicCalculator
    >>> water = ase.Atoms("OH2", [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])
    >>> water.calc = MetatomicCalculator(atomistic_model(dpa2.demo.MODEL), device="cpu")
    >>> water.get_forces().shape
    (3, 3)
    """
    model = on_torch(file, device, dtype, head)
    model.require_energies("metatomic")
    refuse_parameters(model.config)
    energy = DPA2Energy(model, skin, neighbors, types).eval()
    outputs = {"energy": ModelOutput(unit="eV", sample_kind="atom", description="potential energy")}
    capabilities = metatomic.ModelCapabilities(
        outputs=outputs,
        atomic_types=energy.energies.elements.numbers,
        interaction_range=interaction_range(model.config),
        length_unit="angstrom",
        supported_devices=["cuda", "cpu"],
        dtype="float64" if model.config.dtype == "float64" else "float32",
    )
    about = metadata or metatomic.ModelMetadata(name="DPA-2", description=ABOUT, references={"architecture": [PAPER]})
    return metatomic.AtomisticModel(energy, about, capabilities)


def interaction_range(config: DPA2Config) -> float:
    """Return how far away, Å, an atom may be on which the energy of another one depends, by way of others."""
    return config.repinit.cutoff + config.repformer.layers * config.repformer.cutoff


def refuse_parameters(config: DPA2Config) -> None:
    """Raise `UnsupportedModel` for a model that takes parameters without defaults."""
    fitting = config.fitting
    frame = fitting.frame_parameters if fitting.default_frame_parameters is None else 0
    if frame or fitting.atom_parameters:
        what = "frame parameters" if frame else "atomic parameters"
        rule = "which programs of metatomic do not hand over; use dpa2.ase.DPA2 or dpa2.Model"
        raise UnsupportedModel(f"the model takes {what}, {rule}", what=what)


class DPA2Energy(torch.nn.Module):  # type: ignore[misc, name-defined]
    """The energies of systems of metatomic, of each system or each atom; TorchScript can compile it."""

    def __init__(self, model: Model, skin: float, neighbors: str, types: Mapping[str, str] | None) -> None:
        super().__init__()
        self.energies, file = opened(model, skin, neighbors, types)  # kept alive for the operator
        self.settings: str = self.energies.settings
        self.register_buffer("file", file)

    def forward(
        self, systems: List[System], outputs: Dict[str, ModelOutput], selected_atoms: Optional[Labels]
    ) -> Dict[str, TensorMap]:
        """Return the energies of systems or atoms, or of the selected ones of these."""
        results: Dict[str, TensorMap] = {}
        if "energy" not in outputs:
            return results
        if len(systems) == 0:
            raise InputError("systems: there are none to evaluate")
        values, samples = self.of_atoms(systems)
        if selected_atoms is not None:
            rows = samples.select(selected_atoms)
            values, samples = values[rows], Labels(["system", "atom"], samples.values[rows])
        if outputs["energy"].sample_kind != "atom":
            values, samples = sums_over_atoms(values, samples, len(systems))
        one = torch.tensor([[0]], device=values.device)
        block = TensorBlock(values.reshape(-1, 1), samples, [], Labels(["energy"], one))
        results["energy"] = TensorMap(Labels(["_"], one), [block])
        return results

    def of_atoms(self, systems: List[System]) -> Tuple[Tensor, Labels]:
        """Return the energies of all atoms, and which atoms these are."""
        positions = torch.cat([system.positions for system in systems])
        cells = torch.stack([system.cell for system in systems])
        pbc = torch.stack([system.pbc for system in systems])
        types = torch.cat([system.types for system in systems])
        sizes = [len(system) for system in systems]
        values = torch.ops.dpa2.energies(self.settings, self.file, positions, cells, pbc, types, sizes)
        system = torch.repeat_interleave(torch.tensor(sizes, device=values.device))
        atom = torch.cat([torch.arange(size, device=values.device) for size in sizes])
        return values, Labels(["system", "atom"], torch.stack([system, atom], dim=1).to(torch.int32))


def sums_over_atoms(values: Tensor, samples: Labels, count: int) -> Tuple[Tensor, Labels]:
    """Return the sums of values of atoms for each system, and the numbers of these."""
    sums = torch.zeros(count, dtype=values.dtype, device=values.device)
    numbers = torch.arange(count, dtype=torch.int32, device=values.device)
    return sums.index_add(0, samples.column("system"), values), Labels(["system"], numbers.reshape(-1, 1))
