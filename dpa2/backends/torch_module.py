"""A PyTorch module over the weights of a model, to train."""

from __future__ import annotations

from ..construction.trainability import trainable
from ..errors import require
from ..evaluation.forces import evaluate_prepared
from ..nn.module import Leaf, map_leaves, map_roles


def as_module(config, weights, backend):
    """Return a `torch.nn.Module` whose parameters are the weights of a model, under their canonical names.

    `module(prepared)` evaluates what `model.prepare_systems` prepared, differentiably in the parameters, forces and
    virial included. Frozen parameters do not require gradients; statistics and output bias are buffers.
    """
    torch = require("torch", "torch")

    class EnergyModule(torch.nn.Module):
        """A view of an energy model."""

        def __init__(self):
            super().__init__()
            map_roles(self.register, weights)

        def register(self, leaf: Leaf, tensor) -> None:
            """Add a tensor to the submodule that its path says, as a parameter or as a buffer."""
            *path, last = leaf.path.split(".")
            place = self
            for part in path:
                if part not in place._modules:
                    place.add_module(part, torch.nn.Module())
                place = place._modules[part]
            tensor = tensor.detach().clone()
            if leaf.role.kind == "parameter":
                frozen = not trainable(config, leaf)
                place.register_parameter(last, torch.nn.Parameter(tensor, requires_grad=not frozen))
            else:
                place.register_buffer(last, tensor)

        def weights(self):
            """Return the tree of modules over the present parameters."""
            state = {**dict(self.named_parameters()), **dict(self.named_buffers())}
            return map_leaves(lambda name, _: state[name], weights)

        def forward(self, prepared, atom_virial: bool = False):
            """Return a list of `Evaluation`, one for each system."""
            return evaluate_prepared(self.weights().fold(), backend, prepared, atom_virial)

    return EnergyModule()
