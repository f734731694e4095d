"""Every tensor of a model by its canonical name, with shape and dtype (specification section 16).

Names, shapes and precisions are those of the tree of modules that the builder makes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy

from ..config import DPA2Config
from ..construction.build import skeleton
from ..construction.precision import precision, stored_precision
from ..errors import FormatError
from ..nn.module import Leaf, map_roles


class Tensor(NamedTuple):
    """Shape and dtype of a tensor."""

    shape: tuple[int, ...]
    dtype: str


class Place(NamedTuple):
    """The kind of a tensor, as its role says it ("parameter", "statistic", "constant"), and its precision in files."""

    kind: str
    precision: str


def inventory(config: DPA2Config) -> dict[str, Tensor]:
    """Return shape and dtype of every tensor that a model of this configuration has.

    Parameters
    ----------
    config
        The settings of the model.

    Returns
    -------
    dict
        Tensors by their canonical names, in the order of the model's modules.

    Examples
    --------
    >>> from dpa2 import config
    >>> water = config.DPA2Config(
    ...     types=("O", "H"),
    ...     repinit=config.Repinit(cutoff=6.0, inner_cutoff=0.5, max_neighbors=120),
    ...     repformer=config.Repformer(cutoff=4.0, inner_cutoff=3.5, max_neighbors=48),
    ... )
    >>> inventory(water)["descriptor.repformer.layers.0.local_attention.query"].shape
    (4, 128, 64)
    """
    tensors: dict[str, Tensor] = {}

    def note(leaf: Leaf, place: numpy.ndarray) -> numpy.ndarray:
        tensors[leaf.path] = Tensor(place.shape, stored_precision(config, leaf))
        return place

    map_roles(note, skeleton(config))
    return tensors


def places(config: DPA2Config) -> dict[str, Place]:
    """Return kind and precision of every tensor that a model of this configuration has, in the inventory's order."""
    found: dict[str, Place] = {}

    def note(leaf: Leaf, array: numpy.ndarray) -> numpy.ndarray:
        found[leaf.path] = Place(leaf.role.kind, precision(config, leaf))
        return array

    map_roles(note, skeleton(config))
    return found


def require_all(weights: dict[str, numpy.ndarray], config: DPA2Config) -> dict[str, numpy.ndarray]:
    """`weights` in the order of the inventory, native and C-contiguous; `FormatError` names the first that is wrong."""
    if config.repformer.layers > len(weights):  # before listing what a forged number of layers would have
        raise FormatError(f"{len(weights)} tensors are too few for {config.repformer.layers} layers", tensor=None)
    wanted = inventory(config)
    for name in weights:
        if name not in wanted:
            raise FormatError(f"tensor {name} belongs to no part of this model", tensor=name)
    return {name: require_one(name, weights.get(name), tensor) for name, tensor in wanted.items()}


def require_one(name: str, array, wanted: Tensor) -> numpy.ndarray:
    """The array in native byte order, if its shape and dtype are right."""
    if array is None:
        raise FormatError(f"tensor {name} {wanted.shape} is missing", tensor=name)
    array = numpy.asarray(array)
    if (array.shape, array.dtype.name) != (wanted.shape, wanted.dtype):
        found = f"is {array.dtype.name} {array.shape}, but must be {wanted.dtype} {wanted.shape}"
        raise FormatError(f"tensor {name} {found}", tensor=name)
    return numpy.ascontiguousarray(array, dtype=wanted.dtype)
