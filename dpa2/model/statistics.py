"""Statistics that a model takes from data before training: of its environments, and the energy of each type.

Source: sections 2.4 and 12.2 of the specification.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backends.own_settings import undisturbed
from ..batching.table import Cutoffs, lay_end_to_end
from ..construction.precision import precision
from ..descriptor.environment import Environment
from ..errors import InputError, shorten
from ..neighbors import neighbor_list
from ..nn.arrays import Float
from ..nn.module import Leaf, leaves, map_roles
from ..structures.datasets import Frame
from ..structures.given import system_of
from ..structures.system import checked, numbers
from .model import Model
from .preparation import check_system, list_neighbors
from .truncation import Truncation, truncations, warn

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
    blocks, total = block_environments(model), None
    for k, frame in enumerate(frames):
        given = frame.system if hasattr(frame, "system") else system_of(frame, f"frame {k}")
        system = checked(given, model.type_map, getattr(frame, "name", ""))
        found = {name: frame_moments(system, environment, model.config) for name, environment in blocks.items()}
        total = found if total is None else {name: total[name] + found[name] for name in blocks}
        if progress is not None:
            progress(k)
    if total is None:
        raise InputError("statistics need at least one frame", argument="frames")
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


def fit_output_bias(
    model: Model,
    frames: Iterable[Frame],
    *,
    change: bool = False,
    progress: Callable[[int], object] | None = None,
) -> Model:
    """The model with the energy of each type fitted to total energies.

    frames: a `Dataset` or anything with `.system` and `.energy` (eV). change: fit what the model's predictions still
    miss and add it to the present bias, instead of fitting the energies themselves. Biases that the configuration
    presets stay as they are. The deviation of the residual over frames is stored beside the bias.

    Raises `InputError` if no frame has an energy.
    """
    model.require_energies("an output bias")
    frames = list(frames)
    for k, frame in enumerate(frames):
        if not (hasattr(frame, "system") and hasattr(frame, "energy")):
            rule = "is no frame with an energy; pass a data set, or dpa2.data.Frame(system, energy, ...)"
            raise InputError(f"frame {k}: {shorten(frame)} {rule}", argument="frames")
    labelled = [f for f in frames if f.energy is not None]
    if not labelled:
        rule = "frames of a data set, as `dpa2.read_dataset` returns them, that have energies"
        raise InputError(f"an output bias needs {rule}; there is none", argument="frames")
    systems = [check_system(model.config, f.system, f.name) for f in labelled]
    energies = np.array([checked_energy(f) for f in labelled])
    present = model.backend.to_numpy(model.weights.bias).astype(float)
    if change:
        energies = energies - predictions(model, systems, progress)
    bias, deviation = solve(type_counts(systems, model.config), energies, model.config, change)
    return with_weights(model, {"bias": present + bias if change else bias, "deviation": deviation})


def checked_energy(frame: Frame) -> float:
    """Return the energy of a frame, one finite number."""
    energy = numbers(frame.energy, "energy", frame.name)
    if energy.size != 1 or not np.isfinite(energy).all():
        raise InputError(f"energy of {frame.name}: {energy.tolist()} is not one finite number", argument="energy")
    return float(energy.reshape(()))


def predictions(model: Model, systems, progress) -> Float[np.ndarray, "frame"]:
    """Total energies of the model; one `TruncationWarning` if lists of neighbours were cut."""
    energies: list[float] = []
    cut: list[Truncation] = []
    for k, system in enumerate(systems):
        found = list_neighbors(model.config, system, "truncate")
        cut += truncations(model.config, system, found)
        energies.append(float(model.backend.to_numpy(model.compute([system], [found])[0].energy)))
        if progress is not None:
            progress(k)
    warn(cut)
    return np.array(energies)


def type_counts(systems, config) -> Float[np.ndarray, "frame type"]:
    """Return the number of atoms of each type of each frame; types that carry no energy count as absent."""
    kinds = len(config.types)
    counts = np.array([np.bincount(s.types[s.types >= 0], minlength=kinds) for s in systems], dtype=float)
    counts[:, list(config.excluded_types)] = 0.0
    return counts


def solve(counts, energies, config, change: bool):
    """The minimum-norm solution of Σ_t n_ft b_t = E_f, and the deviation of what remains."""
    preset = [None] * counts.shape[1] if change or config.preset_bias is None else config.preset_bias
    given = np.array([0.0 if b is None else b for b in preset])
    free = counts * np.array([b is None for b in preset])
    bias, *_ = np.linalg.lstsq(free, energies - counts @ given, rcond=config.fitting.bias_cutoff)
    bias = bias + given
    return bias, np.full_like(bias, np.std(energies - counts @ bias))


def with_weights(model: Model, changed: dict) -> Model:
    """Return the model with some tensors replaced; everything else about it stays as it is."""

    def value(leaf: Leaf, array):
        if leaf.path not in changed:
            return array
        return model.backend.asarray(changed[leaf.path], precision(model.config, leaf, model.backend.wide()))

    return model.with_state(leaves(map_roles(value, model.weights)))
