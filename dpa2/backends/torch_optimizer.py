"""Adam and AdamW of PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..nn.arrays import Array
from .differentiation import EPSILON, Arrays, OptimizerSettings
from .protocol import Backend

MOMENTS = {"moment1": "exp_avg", "moment2": "exp_avg_sq"}  # our names, and PyTorch's


class TorchOptimizer:
    """`torch.optim.Adam` or `AdamW`, whose tensors are known by name."""

    def __init__(self, settings: OptimizerSettings, parameters: Arrays, backend: Backend) -> None:
        import torch

        kind = torch.optim.AdamW if settings.decoupled else torch.optim.Adam
        with torch.inference_mode(False):
            self.parameters = {name: x.detach().clone().requires_grad_() for name, x in parameters.items()}
        betas = settings.beta1, settings.beta2
        given = list(self.parameters.values())
        self.optimizer: Any = kind(given, lr=0.0, betas=betas, eps=EPSILON, weight_decay=settings.decay)
        self.backend = backend

    def update(self, slopes: Arrays, rate: float) -> None:
        """One step of the parameters that have gradients."""
        for name, parameter in self.parameters.items():
            parameter.grad = slopes.get(name)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()

    def state(self) -> dict[str, np.ndarray]:
        """Parameters, moments and counts by name."""
        found = {f"weights/{name}": self.host(x) for name, x in self.parameters.items()}
        for name, x in self.parameters.items():
            of_one = self.optimizer.state.get(x, {})
            for ours, theirs in MOMENTS.items():
                found[f"{ours}/{name}"] = self.host(of_one.get(theirs, x * 0.0))
            found[f"updates/{name}"] = np.asarray(int(of_one.get("step", 0)))
        return found

    def host(self, x: Array) -> np.ndarray:
        """A copy of a tensor as a NumPy array."""
        return np.array(self.backend.to_numpy(x))

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Parameters, moments and counts of a state."""
        import torch

        with torch.inference_mode(False), torch.no_grad():
            for name, x in self.parameters.items():
                x.copy_(torch.from_numpy(np.array(state[f"weights/{name}"])))
                self.optimizer.state[x] = self.restored(name, state, x)

    def restored(self, name: str, state: Mapping[str, np.ndarray], x: Array) -> dict[str, Any]:
        """Return the state that PyTorch keeps of one parameter; it is empty before the first step."""
        import torch

        steps = int(state[f"updates/{name}"])
        if steps == 0:
            return {}
        moments = {
            theirs: torch.from_numpy(np.array(state[f"{ours}/{name}"])).to(x) for ours, theirs in MOMENTS.items()
        }
        return {"step": torch.tensor(float(steps)), **moments}
