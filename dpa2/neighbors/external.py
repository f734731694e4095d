"""Neighbour lists of other programs, over atoms and their periodic images."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..structures.system import host_array, refuse
from .lists import Edges, Neighbors, Selection, norm, selected


def from_list(
    coordinates_ext: Any,
    types_ext: Any,
    nlist: Any,
    mapping: Any,
    n_local: int,
    cutoff: float,
    max_neighbors: int,
    *,
    name: str = "",
    **options: Any,
) -> Neighbors:
    """Neighbours from the list of another program, over atoms and their images.

    coordinates_ext: (M, 3), Å, the `n_local` atoms first, then images. types_ext: (M,) indices.
    nlist: (n_local, any width) indices into these, in any order, negative on empty slots, also beyond the cutoff.
    mapping: (M,), the atom that each is an image of. name: what errors call the system. Options as in `neighbor_list`.

    Raises `InputError` if these do not fit together, otherwise as `neighbor_list`.

    Source: section 1.4 of the specification, last item.

    >>> from_list([[0, 0, 0], [0, 0, 1.5]], [0, 0], [[1, -1], [-1, 0]], [0, 1], 2, cutoff=4.0, max_neighbors=10).index
    array([[1],
           [0]])
    """
    selection = Selection(cutoff, max_neighbors, **options)
    coordinates = host_array(coordinates_ext, "coordinates_ext", name).astype(np.float64)
    if coordinates.ndim != 2 or coordinates.shape[1] != 3 or not 0 < n_local <= len(coordinates):
        refuse(name, "coordinates_ext", f"have shape {coordinates.shape}; (M, 3) with M >= {n_local} > 0 is wanted")
    if not np.isfinite(coordinates).all():
        refuse(name, "coordinates_ext", "are not all finite")
    images = len(coordinates)
    types = indices(types_ext, "types_ext", (images,), None, name)
    mapping = indices(mapping, "mapping", (images,), n_local, name)
    if (mapping < 0).any() or (mapping[:n_local] != np.arange(n_local)).any() or (types != types[mapping]).any():
        refuse(name, "mapping", "must take every atom to itself and every image to an atom of its type")
    nlist = indices(nlist, "nlist", (n_local, None), images, name)
    return selected(listed(nlist, coordinates, types, mapping, cutoff, name), types[:n_local], selection, name)


def indices(value: Any, argument: str, shape: tuple, end: int | None, name: str) -> np.ndarray:
    """Integers of the given shape (None: any length), below `end`."""
    array = host_array(value, argument, name)
    fits = array.ndim == len(shape) and all(n in (None, m) for n, m in zip(shape, array.shape, strict=True))
    if array.dtype.kind not in "iu" or not fits:
        refuse(name, argument, f"is {array.dtype} of shape {array.shape}; integers of shape {shape} are wanted")
    if end is not None and array.size and array.max() >= end:
        refuse(name, argument, f"holds {array.max()}; indices below {end} are wanted")
    return array.astype(np.int64)


def listed(
    nlist: np.ndarray, coordinates: np.ndarray, types: np.ndarray, mapping: np.ndarray, cutoff: float, name: str
) -> Edges:
    """The pairs of the list between real atoms and within the cutoff."""
    center, slot = np.nonzero(nlist >= 0)
    extended = nlist[center, slot]
    if len(np.unique(center * len(coordinates) + extended)) < len(center):
        refuse(name, "nlist", "names a neighbour of an atom twice")
    vector = coordinates[extended] - coordinates[center]
    distance = norm(vector)
    near = (distance <= cutoff) & (types[extended] >= 0) & (types[center] >= 0)
    center, extended = center[near], extended[near]
    return Edges(center, mapping[extended], extended, None, vector[near], distance[near])
