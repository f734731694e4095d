"""Statistics of its environments that a model takes from data before training.

Source: section 2.4 of the specification.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backends.own_settings import undisturbed
from ..batching.table import Cutoffs, lay_end_to_end
from ..construction.precision import precision
from ..descriptor.environment import Environment
from ..errors import InputError
from ..neighbors import neighbor_list
from ..nn.arrays import Float
from ..nn.module import Leaf, leaves, map_roles
from ..structures.given import system_of
from ..structures.system import checked
from .model import Model

SMALLEST = 0.01  # the smallest standard deviation that is kept (section 2.4)
UNSEEN = 0.1  # the standard deviation of a type that never occurs


@dataclass(frozen=True)
class Moments:
    """Count, sum and sum of squares, for each type."""

    count: Float[np.ndarray, "type"]
    total: Float[np.ndarray, "type"]
    squares: Float[np.ndarray, "type"]

    @classmethod
    def of(cls, values: Float[np.ndarray, "atom slot"], types, kinds: int, slots: int) -> Moments:
        """Of all values of the atoms of each type, as if there were `slots` of them, the missing ones zero."""

        def by_type(x):
            return np.bincount(types, weights=x, minlength=kinds)

        return cls(by_type(np.full(len(types), slots)), by_type(values.sum(1)), by_type((values**2).sum(1)))

    def __add__(self, other: Moments) -> Moments:
        return Moments(self.count + other.count, self.total + other.total, self.squares + other.squares)

    @property
    def mean(self) -> Float[np.ndarray, "type"]:
        return self.total / np.maximum(self.count, 1)

    @property
    def deviation(self) -> Float[np.ndarray, "type"]:
        """√(mean square - squared mean), kept away from zero."""
        variance = self.squares / np.maximum(self.count, 1) - self.mean**2
        deviation = np.maximum(np.sqrt(np.maximum(variance, 0.0)), SMALLEST)
        return np.where(self.count > 0, deviation, UNSEEN)


@dataclass(frozen=True)
class Columns:
    """Moments of the radial column of environment rows, and of the three angular ones together."""

    radial: Moments
    angular: Moments

    def __add__(self, other: Columns) -> Columns:
        return Columns(self.radial + other.radial, self.angular + other.angular)


@undisturbed
def compute_statistics(model: Model, frames: Iterable[Any], progress: Callable[[int], object] | None = None) -> Model:
    """The model with the normalisation of its environment matrices computed from structures.

    frames: a `Dataset`, or structures as `Model.evaluate_many` takes them; types are found by their names.
    progress: called with each frame's number when it is done. Means stay what they are where the configuration says
    `zero_mean`. Neighbours beyond a block's max_neighbors are left out, as in the reference.

    Raises `InputError` for a structure that cannot be evaluated, or if there is none.

    >>> import dpa2
    >>> from dpa2.data import Frame
    >>> water = dpa2.System([[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], ["O", "H", "H"])
    >>> model = dpa2.load(dpa2.demo.MODEL)
    >>> new = dpa2.compute_statistics(model, [Frame(water, *[None] * 5, "water")])
    >>> new.weights.descriptor.repinit.environment.std.shape
    (2, 4)
    """
    return with_environment_moments(model, environment_moments(model, frames, progress))


def environment_moments(
    model: Model, frames: Iterable[Any], progress: Callable[[int], object] | None = None
) -> dict[str, Columns]:
    """Moments of the environment rows of all frames, for each block of the descriptor; arguments as above."""
    blocks = block_environments(model)
    found: list[dict[str, Columns]] = []
    for k, frame in enumerate(frames):
        given = frame.system if hasattr(frame, "system") else system_of(frame, f"frame {k}")
        system = checked(given, model.type_map, getattr(frame, "name", ""))
        own = {name: frame_moments(system, environment, model.config) for name, environment in blocks.items()}
        found = [merged([*found, own])]
        if progress is not None:
            progress(k)
    if not found:
        raise InputError("statistics need at least one frame", argument="frames")
    return found[0]


def merged(moments: Sequence[dict[str, Columns]]) -> dict[str, Columns]:
    """Moments of all data together, from those of several parts, such as the data of heads that share a descriptor."""
    first, *others = moments
    for other in others:
        first = {name: first[name] + other[name] for name in first}
    return first


def with_environment_moments(model: Model, total: dict[str, Columns]) -> Model:
    """The model with the normalisation that follows from moments of its environment rows."""
    return with_weights(model, normalisation(total, model.config))


def normalisation(total: dict[str, Columns], config) -> dict[str, np.ndarray]:
    """Means and deviations of the environment rows of each block, under the names of the tensors."""
    zero_mean = dict.fromkeys(total, config.repinit.zero_mean) | {"repformer": config.repformer.zero_mean}
    changed = {}
    for name, columns in total.items():
        radial, angular = columns.radial, columns.angular.deviation
        changed[f"descriptor.{name}.environment.std"] = np.stack([radial.deviation, *[angular] * 3], axis=-1)
        if not zero_mean[name]:
            mean = np.stack([radial.mean, *[np.zeros_like(radial.mean)] * 3], axis=-1)
            changed[f"descriptor.{name}.environment.mean"] = mean
    return changed


def block_environments(model: Model) -> dict[str, Environment]:
    """The blocks that the descriptor has, by name."""
    descriptor = model.weights.descriptor
    blocks = {"repinit": descriptor.repinit, "three_body": descriptor.three_body, "repformer": descriptor.repformer}
    return {name: block.environment for name, block in blocks.items() if block is not None}


def frame_moments(system, environment: Environment, config) -> Columns:
    """Moments of the radial column and of the three angular ones, over all slots of one frame."""
    cutoff, slots, kinds = environment.cutoff, environment.max_neighbors, len(config.types)
    found = neighbor_list(
        system, cutoff, slots, excluded_pairs=config.model_excluded_pairs, neighbors="truncate", type_map=config.types
    )
    own = (cutoff, slots)
    table = lay_end_to_end([np.where(system.types < 0, kinds, system.types)], [found],
                           Cutoffs(own, None, own, config.excluded_pairs, kinds), step=1)  # fmt: skip
    real = system.types >= 0
    if not real.any():
        none = Moments(*np.zeros((3, kinds)))
        return Columns(none, none)
    plain = dataclasses.replace(environment, mean=np.zeros((kinds, 4)), std=np.ones((kinds, 4)))
    (rows, _), _ = plain.fold().vjp(table.types[real], table.vectors[real])
    types = table.types[real]
    angular = rows[..., 1:].reshape(len(rows), -1)
    return Columns(Moments.of(rows[..., 0], types, kinds, slots), Moments.of(angular, types, kinds, 3 * slots))


def with_weights(model: Model, changed: dict) -> Model:
    """Return the model with some tensors replaced; everything else about it stays as it is."""

    def value(leaf: Leaf, array):
        if leaf.path not in changed:
            return array
        return model.backend.asarray(changed[leaf.path], precision(model.config, leaf, model.backend.wide()))

    return model.with_state(leaves(map_roles(value, model.weights)))
