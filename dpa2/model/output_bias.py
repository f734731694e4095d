"""The energy of each type, fitted to the total energies of data.

Source: section 12.2 of the specification.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import InputError, shorten
from ..nn.arrays import Float
from ..structures.datasets import Frame
from ..structures.system import System, numbers
from .model import Model
from .preparation import check_system, list_neighbors
from .statistics import with_weights
from .truncation import Truncation, truncations, warn


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
    presets are not fitted but taken over; with `change` they, too, are added, as in the reference. The deviation of the
    residual over frames is stored beside the bias.

    Raises `InputError` if no frame has an energy.
    """
    systems, energies = labelled_systems(model, frames)
    missing = energies - predictions(model, systems, progress) if change else energies
    return with_fit(model, type_counts(systems, model.config), missing, change)


@dataclass(frozen=True, eq=False)
class BiasFit:
    """A model with another output bias, and the errors of its energies (eV per atom) on frames, before and after."""

    model: Model
    before: Float[np.ndarray, "frame"]
    after: Float[np.ndarray, "frame"]


def compare_output_bias(
    model: Model,
    frames: Iterable[Frame],
    *,
    change: bool = True,
    values: Sequence[float] | None = None,
    progress: Callable[[int], object] | None = None,
) -> BiasFit:
    """The model with a fitted output bias, or with `values` (eV) for all types, and what that does to its energies.

    Other arguments and errors as for `fit_output_bias`.
    """
    systems, energies = labelled_systems(model, frames)
    errors, counts = predictions(model, systems, progress) - energies, type_counts(systems, model.config)
    if values is None:
        new = with_fit(model, counts, -errors if change else energies, change)
    else:
        new = with_weights(model, {"bias": checked_values(values, model)})
    shift = counts @ (own_bias(new) - own_bias(model))
    atoms = np.array([max(1, int((s.types >= 0).sum())) for s in systems])
    return BiasFit(new, errors / atoms, (errors + shift) / atoms)


def own_bias(model: Model) -> Float[np.ndarray, "type"]:
    """Return the output bias of a model on the host."""
    return model.backend.to_numpy(model.weights.bias).astype(float)


def checked_values(values: Sequence[float], model: Model) -> Float[np.ndarray, "type"]:
    """Return a finite number for each type, in eV."""
    found = numbers(values, "values", "")
    if found.shape != (len(model.type_map),) or not np.isfinite(found).all():
        rule = f"must be {len(model.type_map)} finite numbers, for {', '.join(model.type_map)}"
        raise InputError(f"values: {found.tolist()} {rule}", argument="values")
    return found


def labelled_systems(model: Model, frames: Iterable[Frame]) -> tuple[list[System], Float[np.ndarray, "frame"]]:
    """Return the checked structures of the frames that have an energy, and these energies in eV."""
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
    return systems, np.array([checked_energy(f) for f in labelled])


def with_fit(model: Model, counts: Float[np.ndarray, "frame type"], energies, change: bool) -> Model:
    """Return the model with the bias that fits energies of frames, or with it added to the present one."""
    bias, deviation = solve(counts, energies, model.config)
    return with_weights(model, {"bias": own_bias(model) + bias if change else bias, "deviation": deviation})


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


def solve(counts, energies, config) -> tuple[Float[np.ndarray, "type"], Float[np.ndarray, "type"]]:
    """The minimum-norm solution of Σ_t n_ft b_t = E_f, and the deviation of what remains.

    Singular values below rounding are dropped; `bias_cutoff` has no effect, as in the reference.
    """
    preset = config.preset_bias or [None] * counts.shape[1]
    given = np.array([0.0 if b is None else b for b in preset])
    free = counts * np.array([b is None for b in preset])
    bias, *_ = np.linalg.lstsq(free, energies - counts @ given, rcond=None)
    bias = bias + given
    return bias, np.full_like(bias, np.std(energies - counts @ bias))
