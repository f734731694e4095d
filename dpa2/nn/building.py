"""Tensors by name, as modules ask for them while they are built."""

from __future__ import annotations

from collections.abc import Callable

from .arrays import Array

Take = Callable[..., Array]  # take(name, *shape) -> array


def below(take: Take, *path: str) -> Take:
    """Return a function that takes tensors by their names below a path.

    >>> below(lambda name, *shape: (name, shape), "fitting", "output")("weight", 3, 1)
    ('fitting.output.weight', (3, 1))
    """
    return lambda name, *shape: take(".".join([*path, name]), *shape)
