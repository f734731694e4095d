"""A PyTorch module over the weights of a model, to train."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..config import DPA2Config
from ..construction.trainability import trainable
from ..errors import BackendError, require
from ..evaluation.evaluate import evaluate
from ..nn.arrays import Array
from ..nn.module import Leaf, map_leaves, map_roles
from .own_settings import undisturbed
from .prepared_for import require_prepared
from .protocol import Backend

if TYPE_CHECKING:
    from ..evaluation.prepared import Prepared
    from ..fitting.atomic_model import AtomicModel

torch = require("torch", "torch")


class EnergyModule(torch.nn.Module):  # type: ignore[misc, name-defined]  # torch is imported late
    """A view of an energy model; see `as_module`."""

    def __init__(self, config: DPA2Config, weights: AtomicModel, backend: Backend) -> None:
        super().__init__()
        self.config, self.backend, self.tree = config, backend, weights
        map_roles(self.register, weights)

    def register(self, leaf: Leaf, tensor: Array) -> None:
        """Add a tensor to the submodule that its path says, as a parameter or as a buffer."""
        *path, last = leaf.path.split(".")
        place = self
        for part in path:
            if part not in place._modules:
                place.add_module(part, torch.nn.Module())
            place = place._modules[part]
        tensor = tensor.detach().clone()
        if leaf.role.kind == "parameter":
            frozen = not trainable(self.config, leaf)
            place.register_parameter(last, torch.nn.Parameter(tensor, requires_grad=not frozen))
        else:
            place.register_buffer(last, tensor)

    def weights(self) -> AtomicModel:
        """Return the tree of modules over the present parameters."""
        state = {**dict(self.named_parameters()), **dict(self.named_buffers())}
        return map_leaves(lambda name, before: require_same_kind(name, state[name], before), self.tree)

    @undisturbed
    def forward(self, prepared: Prepared, atom_virial: bool = False, gradient: bool = False) -> list[Any]:
        """Return a list of `Evaluation`, or those of the model's kind, one for each system.

        Raises `BackendError` for systems prepared for another library, device or precision, `InputError` otherwise.
        """
        require_prepared(prepared, self.config, "torch", self.backend.device)
        program = self.backend.fold(self.weights())
        return evaluate(self.config, program, self.backend, prepared, atom_virial=atom_virial, gradient=gradient)


def require_same_kind(name: str, tensor: Any, before: Any) -> Any:
    """Return a tensor; raise `BackendError` for one that `module.to(...)` took to another precision or device."""
    if (tensor.dtype, tensor.device) != (before.dtype, before.device):
        found, made = (f"{x.dtype} on {x.device}" for x in (tensor, before))
        hint = "model.to('torch', dtype=..., device=...).as_module()"
        rule = f"make the module of a model that is there: {hint}"
        raise BackendError(f"{name} is {found}, and the module was made for {made}; {rule}", backend="torch", hint=hint)
    return tensor


def as_module(config: DPA2Config, weights: AtomicModel, backend: Backend) -> Any:
    """Return a `torch.nn.Module` whose parameters are the weights of a model, under their canonical names.

    `module(prepared)` evaluates what `model.prepare_systems` prepared, differentiably in the parameters, forces and
    virial included. Frozen parameters do not require gradients; statistics and output bias are buffers.
    """
    with torch.inference_mode(False):  # whose tensors could not be trained
        return EnergyModule(config, weights, backend)
