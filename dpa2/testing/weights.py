"""Random weights none of which is 0 or 1, so that leaving one out of an implementation changes its results."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..config import DPA2Config, Fitting, Repformer, Repinit, ThreeBody
from ..construction.initialization import fresh_weights
from ..errors import InputError
from ..model.model import Model
from ..nn.module import leaves

STATISTICS = ("centered", "computed", "any")  # kinds of environment statistics of `perturbed_weights`


def perturbed_weights(config: DPA2Config, seed: int = 0, statistics: str = "computed") -> dict[str, np.ndarray]:
    """Return fresh weights, with random values for those that a fresh model leaves near 0 or 1.

    These are the statistics of environments and parameters, scale and shift of norms, time steps, residual scales,
    the biases of energies, and the case embedding.

    Parameters
    ----------
    config
        Configuration of the model.
    seed
        Seed of all random numbers.
    statistics
        Kind of normalization of environments. "computed": as if computed from data, with a mean in the radial column
        and one deviation for all directions (section 2.4). "centered": the same with mean 0; only then the energy
        does not depend on which atom is the first (section 9.2). "any": independent values in all columns, as a file
        may hold them; energies then depend on the orientation.

    Returns
    -------
    dict
        Canonical name of the tensor to array, as in a checkpoint.

    Examples
    --------
    >>> perturbed_weights(small_config())["descriptor.repinit.environment.mean"].round(3)
    array([[-0.062,  0.   ,  0.   ,  0.   ],
           [-0.125,  0.   ,  0.   ,  0.   ]])
    """
    if statistics not in STATISTICS:
        raise InputError(f"statistics = {statistics!r}: must be one of {', '.join(STATISTICS)}", argument="statistics")
    generator = np.random.default_rng(seed)
    fresh = leaves(fresh_weights(config, seed))
    return {name: perturbed(generator, name, array, statistics).astype(array.dtype) for name, array in fresh.items()}


def perturbed(generator: np.random.Generator, name: str, array: np.ndarray, statistics: str) -> np.ndarray:
    """Return one tensor with random values as after training."""
    normal, kind = generator.normal(size=array.shape), name.rpartition(".")[2]
    if name.endswith("environment.mean"):
        columns = {"centered": 0, "computed": 1, "any": 4}[statistics]
        return np.where(np.arange(4) < columns, 0.1 * normal, 0.0)
    if name.endswith("environment.std"):
        std = 0.7 + 0.3 * np.abs(normal)
        return std if statistics == "any" else std[:, [0, 1, 1, 1]]
    if "_scale." in name and name.startswith("descriptor."):
        return 0.3 * normal
    if kind in ("deviation", "frame_scale", "atom_scale") or name.endswith("norm.weight"):
        return 0.7 + 0.3 * np.abs(normal)
    if kind in ("frame_mean", "atom_mean", "case") or name.endswith("norm.bias"):
        return 0.3 * normal
    if kind == "timestep":
        return 0.5 + 0.2 * normal
    return normal if name in ("bias", "fitting.bias") else array


def perturbed_model(
    config: DPA2Config, seed: int = 0, backend: str = "numpy", *, statistics: str = "computed"
) -> Model:
    """Return a model with `perturbed_weights` on a library.

    >>> perturbed_model(small_config(), seed=3).evaluate([[0, 0, 0], [0.96, 0, 0]], ["O", "H"]).forces.shape
    (2, 3)
    """
    from ..serialization.checkpoint import Checkpoint

    return Model.from_checkpoint(Checkpoint(config, perturbed_weights(config, seed, statistics), {}), backend)


def small_config(**changes: Any) -> DPA2Config:
    """Return a small configuration for water with all blocks and updates; `changes` replace fields of `DPA2Config`.

    >>> small_config(smooth=False).smooth
    False
    """
    sections: dict[str, Any] = {
        "types": ("O", "H"),
        "repinit": Repinit(cutoff=4.0, inner_cutoff=1.2, max_neighbors=60, widths=(4, 8), axis=3, type_dim=5),
        "three_body": ThreeBody(cutoff=3.0, inner_cutoff=1.5, max_neighbors=40, widths=(3, 6)),
        "repformer": small_repformer(),
        "fitting": Fitting(widths=(7, 7)),
    }
    return DPA2Config(**sections | changes)


def small_repformer(**changes: Any) -> Repformer:
    """Return the repformer section of `small_config`."""
    sizes: dict[str, Any] = {"layers": 3, "atom_dim": 6, "pair_dim": 4, "axis": 2}
    heads = {"attention_dim": 5, "attention_heads": 2, "pair_attention_dim": 3, "pair_attention_heads": 2}
    on = {"frame_attention": True, "pair_attention_gate": True, "residual": "trainable"}
    cutoffs = {"cutoff": 3.2, "inner_cutoff": 1.0, "max_neighbors": 45}
    return Repformer(**cutoffs | sizes | heads | on | changes)
