"""PyTorch's functions of the array-API standard must keep gradients; in an older array-api-compat they do not."""

from __future__ import annotations

from functools import cache
from typing import Any

from ..errors import BackendError
from ..nn.arrays import array_namespace

INSTALL = "pip install 'array-api-compat>=1.12'"


@cache
def require_gradients() -> None:
    """Raise a `BackendError` where derivatives by weights, and Hessians, would be wrong."""
    import array_api_compat
    import torch

    lost = lost_gradients(array_namespace(torch.empty(0, device="cpu")))
    if lost:
        version = array_api_compat.__version__
        raise BackendError(
            f"array-api-compat {version} loses PyTorch's gradients in {' and '.join(lost)}, so that derivatives by "
            f"weights and Hessians would be wrong. Install a newer one: {INSTALL}",
            backend="torch",
            hint=INSTALL,
            version=version,
        )


def lost_gradients(namespace: Any) -> list[str]:
    """The names of functions of a namespace of PyTorch that do not keep gradients; tries a small array."""
    import torch

    def kept(function: Any) -> bool:
        """Whether the gradient of the sum of squares arrives, which is 2 x."""
        x = torch.tensor([[2.0, 3.0]], dtype=torch.float64, device="cpu", requires_grad=True)
        y = function(x * x)
        return y.requires_grad and torch.equal(torch.autograd.grad(y, x, torch.ones_like(y))[0], 2.0 * x)

    tried = {
        "sum": lambda x: namespace.sum(x, axis=-1, keepdims=True),
        "clip": lambda x: namespace.clip(x, 0.0, 10.0),
        "astype": lambda x: namespace.astype(x, torch.float32),
        "permute_dims": lambda x: namespace.permute_dims(x, (1, 0)),
    }
    with torch.inference_mode(False), torch.enable_grad():
        return [name for name, function in tried.items() if not kept(function)]
