"""A pretrained model with another type map: the rows of its types in a new order, with rows for new types.

Source: section 9.2 of the specification of training.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from ...config import DPA2Config
from ...construction.build import skeleton
from ...nn.arrays import Float
from ...nn.module import Leaf, map_roles
from ...nn.roles import Constant
from ...serialization.checkpoint import Checkpoint

EMBEDDING = "descriptor.type_embedding.weight"
OF_TYPES = ("bias", "deviation", "fitting.bias")  # statistics with a row for each type, beside those of environments


def with_types(pretrained: Checkpoint, types: Sequence[str], seed: int) -> Checkpoint:
    """Return a model with other types, in which those that it has had before give the same energies.

    Types that are not asked for are dropped. New types have random rows in the type embedding, a bias of 0, and a
    normalisation that changes nothing, until it is taken from data.
    """
    old, types = pretrained.config.types, tuple(types)
    if types == old:
        return pretrained
    rows = {
        name: with_rows(pretrained.weights[name], old, types, np.full(len(types), value))
        for name, value in new_rows(pretrained.config).items()
        if name in pretrained.weights
    }
    if not pretrained.config.electron_configuration:
        weight = pretrained.weights[EMBEDDING]
        drawn = np.random.default_rng(seed).random((len(types), weight.shape[1]))
        rows[EMBEDDING] = embedding(weight, old, types, drawn)
    config = config_with_types(pretrained.config, types)
    return replace(pretrained, config=config, weights=pretrained.weights | rows)


def new_rows(config: DPA2Config) -> dict[str, float]:
    """Return the tensors with a row of statistics for each type, with the number that a new type has there."""
    found: dict[str, float] = {}

    def note(leaf: Leaf, array: np.ndarray) -> np.ndarray:
        by_type = leaf.path in OF_TYPES or ".environment." in leaf.path
        if by_type and isinstance(leaf.role.initial, Constant):
            found[leaf.path] = leaf.role.initial.value
        return array

    map_roles(note, skeleton(config))
    return found


def with_rows(
    array: Float[np.ndarray, "old *row"], old: Sequence[str], types: Sequence[str], new: np.ndarray
) -> Float[np.ndarray, "type *row"]:
    """Return the rows of an array in the order of other types; those of new types are rows of `new`."""
    found = np.empty((len(types), *array.shape[1:]), array.dtype)
    for k, name in enumerate(types):
        found[k] = array[old.index(name)] if name in old else new[k]
    return found


def embedding(
    weight: Float[np.ndarray, "old channel"], old: Sequence[str], types: Sequence[str], drawn: np.ndarray
) -> Float[np.ndarray, "type channel"]:
    """Return the weight of the type embedding for other types; what it and its skip connection give stays.

    drawn: the rows of new types.
    """
    width = weight.shape[1]
    whole = weight + skip(len(old), width)
    return (with_rows(whole, old, types, drawn) - skip(len(types), width)).astype(weight.dtype)


def skip(types: int, width: int) -> Float[np.ndarray, "type channel"]:
    """Return what the skip connection of the type embedding adds to its weight: something at two widths only."""
    if width in (types, 2 * types):
        return np.tile(np.eye(types), width // types)
    return np.zeros((types, width))


def config_with_types(config: DPA2Config, types: Sequence[str]) -> DPA2Config:
    """Return a configuration with other types, to which its settings of single types and of pairs are translated.

    What concerns types that are dropped is left out; new types have nothing special.
    """
    numbers = {config.types.index(name): k for k, name in enumerate(types) if name in config.types}
    fitting = config.fitting
    return replace(
        config,
        types=tuple(types),
        excluded_pairs=translated(config.excluded_pairs, numbers),
        model_excluded_pairs=translated(config.model_excluded_pairs, numbers),
        excluded_types=tuple(sorted(numbers[k] for k in config.excluded_types if k in numbers)),
        preset_bias=by_type(config.preset_bias or (), numbers, len(types)) or None,
        fitting=replace(fitting, vacuum_energies=by_type(fitting.vacuum_energies, numbers, len(types))),
    )


def translated(pairs: Iterable[tuple[int, int]], numbers: Mapping[int, int]) -> tuple[tuple[int, int], ...]:
    """Return pairs of types by their new numbers, without those of which one is dropped."""
    return tuple((numbers[a], numbers[b]) for a, b in pairs if a in numbers and b in numbers)


def by_type(values: Sequence[float | None], numbers: Mapping[int, int], count: int) -> tuple[float | None, ...]:
    """Return values of types in the order of their new numbers, None for new ones; nothing if there were none."""
    found: list[float | None] = [None] * count
    for old, value in enumerate(values):
        if old in numbers:
            found[numbers[old]] = value
    return tuple(found) if any(value is not None for value in found) else ()
