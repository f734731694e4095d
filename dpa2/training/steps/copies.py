"""Models with the same weights on other devices and in other processes; what they share they share there, too."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from ...backends import backend as find_backend
from ...backends.ranks import Ranks, by_first
from ...model.model import Model
from ...model.placement import moved
from ...nn.arrays import Array
from ...nn.module import leaves, map_leaves

Places = Mapping[str, Mapping[str, int]]  # by head and path, the number of an array


def on_device(models: Mapping[str, Model], device: str | None) -> dict[str, Model]:
    """Return models on another device of their library."""
    first, done = next(iter(models.values())).backend, {}  # type: ignore[var-annotated]
    target = find_backend(first.name, device).with_shape(first.shape)
    weights = {head: moved(m.weights, m.backend, target, m.config, done) for head, m in models.items()}
    return {head: replace(model, weights=weights[head], backend=target) for head, model in models.items()}


def from_first(ranks: Ranks, models: Mapping[str, Model], make: Callable[[], Mapping[str, Model]]) -> dict[str, Model]:
    """Return, in every process, models with the weights of those that `make` returns in the first one.

    models: of the same configurations. An error of `make` is raised in all processes.
    """
    if ranks.count == len(ranks.own):
        return dict(make())
    return with_arrays(models, *by_first(ranks, lambda: host_arrays(make())))


def host_arrays(models: Mapping[str, Model]) -> tuple[Places, list[np.ndarray]]:
    """Return where arrays of models stand, and the arrays in memory, each once."""
    numbers: dict[int, int] = {}
    arrays: list[np.ndarray] = []
    places: dict[str, dict[str, int]] = {head: {} for head in models}
    for head, model in models.items():
        for path, array in leaves(model.weights).items():
            if id(array) not in numbers:
                numbers[id(array)] = len(arrays)
                arrays.append(model.backend.to_numpy(array))
            places[head][path] = numbers[id(array)]
    return places, arrays


def with_arrays(models: Mapping[str, Model], places: Places, arrays: Sequence[np.ndarray]) -> dict[str, Model]:
    """Return models with other arrays, in the precisions that they have."""
    placed: dict[int, Array] = {}

    def of(head: str, model: Model) -> Model:
        def at(path: str, before: Array) -> Array:
            number, dtype = places[head][path], str(before.dtype).rpartition(".")[2]
            if number not in placed:
                placed[number] = model.backend.asarray(arrays[number], dtype)
            return placed[number]

        return replace(model, weights=map_leaves(at, model.weights))

    return {head: of(head, model) for head, model in models.items()}
