"""Modules as JAX pytrees, to transform: arrays are leaves, settings are part of the structure."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from ..config import DPA2Config
from ..construction.trainability import trainable
from ..evaluation.evaluate import evaluate
from ..evaluation.prepared import Prepared
from ..nn.module import Leaf, array_fields, for_each_module, map_leaves, map_roles
from .prepared_for import require_prepared
from .protocol import Backend


@lru_cache
def register_modules() -> None:
    """Register every module class with JAX, those that are defined later included."""
    for_each_module(register_module)


def register_module(cls: type) -> None:
    """Register one module class with JAX."""
    from jax.tree_util import register_dataclass

    arrays = [f.name for f in array_fields(cls)]
    settings = [f.name for f in dataclasses.fields(cls) if f.name not in arrays]
    register_dataclass(cls, data_fields=arrays, meta_fields=settings)


@dataclass(frozen=True, eq=False)
class PytreeFunction:
    """The function of `as_pytree`; it can be pickled."""

    config: DPA2Config
    backend: Backend

    def __call__(
        self, weights: Any, prepared: Prepared, atom_virial: bool = False, gradient: bool = False
    ) -> list[Any]:
        """Return an `Evaluation`, or that of the model's kind, for each system, differentiable in what is trained.

        Raises `BackendError` for systems prepared for another library or precision, `InputError` for what was not.
        """
        require_prepared(prepared, self.config, "jax")
        with self.backend.own_settings():
            program = self.backend.fold(map_roles(self.stopped, weights))
            return evaluate(self.config, program, self.backend, prepared, atom_virial=atom_virial, gradient=gradient)

    def stopped(self, leaf: Leaf, array: Any) -> Any:
        """Return an array; one that is not trained has gradient zero."""
        from jax.lax import stop_gradient

        return array if trainable(self.config, leaf) else stop_gradient(array)


def as_pytree(config: DPA2Config, weights: Any, backend: Any) -> tuple[Any, PytreeFunction]:
    """Return (weights, function): a pytree, and `function(weights, prepared)`, a list of `Evaluation`.

    Gradients by frozen parameters, by statistics and by the output bias are zero. Unless a device was asked for, the
    arrays are not bound to one: a compiled step that takes its own results is then compiled once, not twice.
    """
    return weights if backend.bound else map_leaves(unbound, weights), PytreeFunction(config, backend)


def unbound(name: str, array: Any) -> Any:
    """Return an array of JAX that goes where JAX computes with it (in its words, an uncommitted one)."""
    from jax.numpy import asarray

    return asarray(np.asarray(array))


def gradient(function: Callable[[Any], Any], weights: Any) -> Any:
    """Return the gradient of a function of a pytree of weights whose value is one number, as such a pytree."""
    from jax import grad

    return grad(function)(weights)
