"""Weights of which none is trivial, so that an implementation that forgets one of them is found out."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..config import DPA2Config, Fitting, Repformer, Repinit, ThreeBody
from ..construction.initialization import fresh_weights
from ..descriptor.environment import Environment
from ..errors import InputError
from ..model.model import Model
from ..nn.module import Leaf, leaves, map_roles
from ..nn.roles import Configured, Constant, Normal

STATISTICS = ("centered", "computed", "any")


def perturbed_weights(config: DPA2Config, seed: int = 0, statistics: str = "computed") -> dict[str, np.ndarray]:
    """Fresh weights with everything perturbed that a fresh model leaves at 0 or 1, or nearly so.

    That is: the statistics of environments and parameters, the scale and shift of norms, time steps, residual
    scales, the biases of energies, and the case embedding.

    Parameters
    ----------
    statistics
        What the normalisation of environments looks like. "computed": as if taken from data, a mean in the radial
        column and one deviation for all directions (section 2.4). "centered": the same with mean 0; only then does an
        energy not depend on which atom is the first (section 9.2). "any": all columns of their own, as a file may
        hold; energies then depend on the orientation.

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
        raise InputError(f"statistics: {statistics!r} is none of {STATISTICS}", argument="statistics")
    generator = np.random.default_rng(seed)

    def change(leaf: Leaf, array: np.ndarray) -> np.ndarray:
        return perturbed(generator, leaf, array, statistics).astype(array.dtype)

    return leaves(map_roles(change, fresh_weights(config, seed)))


def perturbed(generator: np.random.Generator, leaf: Leaf, array: np.ndarray, statistics: str) -> np.ndarray:
    """Return one tensor as it might look after training."""
    normal = generator.normal(size=array.shape)
    if isinstance(leaf.owner, Environment):
        return perturbed_statistic(leaf, normal, statistics)
    match leaf.role.initial:
        case Constant(1.0):
            return 0.7 + 0.3 * np.abs(normal)
        case Constant(0.0):
            return normal if leaf.role.wide else 0.3 * normal
        case Configured():
            return 0.3 * normal
        case Normal(0.1, _):
            return 0.5 + 0.2 * normal
    return array


def perturbed_statistic(leaf: Leaf, normal: np.ndarray, statistics: str) -> np.ndarray:
    """Return the mean or the deviation of environment rows."""
    if leaf.path.endswith(".mean"):
        columns = {"centered": 0, "computed": 1, "any": 4}[statistics]
        return np.where(np.arange(4) < columns, 0.1 * normal, 0.0)
    std = 0.7 + 0.3 * np.abs(normal)
    return std if statistics == "any" else std[:, [0, 1, 1, 1]]


def perturbed_model(
    config: DPA2Config, seed: int = 0, backend: str = "numpy", *, statistics: str = "computed"
) -> Model:
    """A model with `perturbed_weights`, ready to be evaluated.

    >>> perturbed_model(small_config(), seed=3).evaluate([[0, 0, 0], [0.96, 0, 0]], ["O", "H"]).forces.shape
    (2, 3)
    """
    from ..serialization.checkpoint import Checkpoint

    return Model.from_checkpoint(Checkpoint(config, perturbed_weights(config, seed, statistics), {}), backend)


def small_config(**changes) -> DPA2Config:
    """A small model of water with every block and every update on; `changes` replace whole fields of `DPA2Config`.

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


def small_repformer(**changes) -> Repformer:
    """The repformer of `small_config`."""
    sizes: dict[str, Any] = {"layers": 3, "atom_dim": 6, "pair_dim": 4, "axis": 2}
    heads = {"attention_dim": 5, "attention_heads": 2, "pair_attention_dim": 3, "pair_attention_heads": 2}
    on = {"frame_attention": True, "pair_attention_gate": True, "residual": "trainable"}
    reach = {"cutoff": 3.2, "inner_cutoff": 1.0, "max_neighbors": 45}
    return Repformer(**reach | sizes | heads | on | changes)
