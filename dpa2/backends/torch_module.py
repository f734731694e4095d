"""A PyTorch module over the weights of a model, to train."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import require
from ..nn.module import map_leaves

if TYPE_CHECKING:
    from ..evaluation.evaluate import Evaluation, Prepared
    from ..fitting.energy import EnergyModel

BUFFERS = ("mean", "std", "deviation", "frame_mean", "frame_scale", "atom_mean", "atom_scale", "case")


def as_module(model: Any) -> Any:
    """A `torch.nn.Module` whose parameters are the weights of `model`, under their canonical names.

    `module(prepared)` evaluates what `model.prepare_systems` prepared, differentiably in the parameters, forces and
    virial included. Statistics and output bias are buffers.
    """
    from ..evaluation.evaluate import evaluate_prepared

    torch = require("torch", "torch")

    class EnergyModule(torch.nn.Module):  # type: ignore[misc, name-defined]  # torch is imported late
        """A view of an energy model."""

        def __init__(self) -> None:
            super().__init__()
            map_leaves(self.register, model.weights)

        def register(self, name: str, tensor: Any) -> None:
            """A tensor as parameter or buffer of the submodule that its name says."""
            *path, last = name.split(".")
            place = self
            for part in path:
                if part not in place._modules:
                    place.add_module(part, torch.nn.Module())
                place = place._modules[part]
            fixed = last in BUFFERS or name in ("bias", "fitting.bias")
            tensor = tensor.detach().clone()
            place.register_buffer(last, tensor) if fixed else place.register_parameter(last, torch.nn.Parameter(tensor))

        def weights(self) -> EnergyModel:
            """The tree of modules over the present parameters."""
            state = {**dict(self.named_parameters()), **dict(self.named_buffers())}
            return map_leaves(lambda name, _: state[name], model.weights)

        def forward(self, prepared: Prepared, atom_virial: bool = False) -> list[Evaluation]:
            """A list of `Evaluation`, one for each system."""
            return evaluate_prepared(model.backend.fold(self.weights()), model.backend, prepared, atom_virial)

    return EnergyModule()
