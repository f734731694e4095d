"""What the array-API standard lacks, one thin file for each library."""

from __future__ import annotations

from ..errors import BackendError

NAMES = ("numpy", "torch", "jax")


def backend(name: str = "numpy", device: str | None = None):
    """The back end called `name`: "numpy", "torch" or "jax".

    Raises `BackendError` for an unknown name, `MissingDependency` where the library is not installed.
    """
    if name == "numpy":
        from .numpy import NumPy

        return NumPy(device)
    if name == "torch":
        from .torch import Torch

        return Torch(device)
    if name == "jax":
        from .jax import JAX

        return JAX(device)
    raise BackendError(f"there is no back end {name!r}; known: {', '.join(NAMES)}", backend=name)
