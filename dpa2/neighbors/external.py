"""Neighbour lists of other programs, over atoms and their periodic images."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from ..structures.system import host_array, refuse
from .lists import Edges, Neighbors, Selection, norm, selected

SAME_PLACE = 1e-6  # displacements are the same within this, relative to the largest coordinate (float32 has 6e-8)
COARSE = 0.1  # rounding beyond this part of the cutoff would hide pairs that are missing


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

    Raises `InputError` if these do not fit together or a pair is not listed from both sides, otherwise as
    `neighbor_list`.

    Source: section 1.4 of the specification, last item.

    >>> from_list([[0, 0, 0], [0, 0, 1.5]], [0, 0], [[1, -1], [-1, 0]], [0, 1], 2, cutoff=4.0, max_neighbors=10).index
    array([[1],
           [0]])
    """
    selection = Selection(cutoff, max_neighbors, **options)
    coordinates = host_array(coordinates_ext, "coordinates_ext", name).astype(np.float64)
    if coordinates.ndim != 2 or coordinates.shape[1] != 3 or not 0 < n_local <= len(coordinates):
        refuse(name, "coordinates_ext", f"have shape {coordinates.shape}; must have (M, 3) with M >= {n_local} > 0")
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
        refuse(name, argument, f"is {array.dtype} of shape {array.shape}; must be integers of shape {shape}")
    if end is not None and array.size and array.max() >= end:
        refuse(name, argument, f"holds {array.max()}; must hold indices below {end}")
    return array.astype(np.int64)


def listed(
    nlist: np.ndarray, coordinates: np.ndarray, types: np.ndarray, mapping: np.ndarray, cutoff: float, name: str
) -> Edges:
    """The pairs of the list between real atoms and within the cutoff."""
    center, slot = np.nonzero(nlist >= 0)
    extended = nlist[center, slot]
    refuse_self_pairs(center, extended, name)
    vector = coordinates[extended] - coordinates[center]
    real = (types[extended] >= 0) & (types[center] >= 0)
    edges = Edges(center, mapping[extended], extended, None, vector, norm(vector)).at(np.flatnonzero(real))
    refuse_one_sided(edges, coordinates, mapping, cutoff, name)
    return edges.at(np.flatnonzero(edges.distance <= cutoff))


def refuse_self_pairs(center: np.ndarray, extended: np.ndarray, name: str) -> None:
    """Raise an `InputError` for an atom that is listed as its own neighbour."""
    own = np.flatnonzero(center == extended)
    if len(own):
        atom = int(center[own[0]])
        refuse(name, "nlist", f"names atom {atom} as a neighbour of itself, at the same place", atom=atom, other=atom)


def refuse_one_sided(edges: Edges, coordinates: np.ndarray, mapping: np.ndarray, cutoff: float, name: str) -> None:
    """Raise an `InputError` for a pair within the cutoff that one atom lists twice, or that the other does not list.

    The other side of i → image of j, displaced by t from j, is j → image of i, displaced by -t. Displacements are
    numbered, so that both are compared as integers. Pairs at the cutoff may be listed from one side, by rounding.
    Atoms beyond the cutoff of all others have no say, however far away their program has put them.
    """
    edges = edges.at(np.flatnonzero(edges.distance <= cutoff))
    tolerance = rounding_of(coordinates[np.concatenate([edges.center, edges.extended])], cutoff, name)
    there, back, kinds = numbered(coordinates - coordinates[mapping], tolerance)
    i, j, atoms = edges.center, edges.neighbor, len(coordinates)
    key = (i * atoms + j) * kinds + there[edges.extended]
    other_side = (j * atoms + i) * kinds + back[edges.extended]
    order = np.argsort(key, kind="stable")
    twice = order[1:][key[order[1:]] == key[order[:-1]]]
    lonely = np.flatnonzero(~np.isin(other_side, key))
    for rows, what in ((twice, "twice"), (lonely, "")):
        within = rows[edges.distance[rows] <= cutoff - tolerance]
        if len(within):
            refuse_pair(edges, int(within[0]), what, name)


def rounding_of(coordinates: np.ndarray, cutoff: float, name: str) -> float:
    """Return the largest distance, Å, of places that count as one; an `InputError` where it is too large for pairs."""
    farthest = float(np.abs(coordinates).max(initial=0.0))
    tolerance = SAME_PLACE * (1.0 + farthest)
    if tolerance > COARSE * cutoff:
        rule = "a list of neighbours cannot be checked there; move the structure to the origin"
        refuse(name, "coordinates_ext", f"reach {farthest:.3g} Å, where single precision is coarser than pairs: {rule}")
    return tolerance


def refuse_pair(edges: Edges, k: int, what: str, name: str) -> NoReturn:
    """Raise an `InputError` that names the two atoms of a pair, and their distance."""
    atom, other, distance = int(edges.center[k]), int(edges.neighbor[k]), float(edges.distance[k])
    listed_once = f"atom {atom} lists atom {other} at {distance:.6g} Å, which does not list atom {atom} there"
    rule = "; a full list is needed, with every pair within the cutoff from both sides"
    pair = f"atom {atom} lists atom {other} at {distance:.6g} Å twice" if what else listed_once + rule
    refuse(name, "nlist", pair, atom=atom, other=other, distance=distance)


def numbered(shift: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray, int]:
    """The number of each displacement (M, 3), the number of its opposite, and how many numbers there are.

    Displacements have the same number if no axis separates them by more than the tolerance.

    >>> numbered(np.array([[0.0, 0, 0], [4, 0, 0], [-4, 0, 1e-9]]), 1e-6)
    (array([1, 2, 0]), array([1, 0, 2]), 3)
    """
    both = np.concatenate([shift, -shift])
    number = np.zeros(len(both), dtype=np.int64)
    for axis in both.T:
        order = np.lexsort((axis, number))
        step = (np.diff(number[order]) != 0) | (np.diff(axis[order]) > tolerance)
        number[order] = np.concatenate([[0], np.cumsum(step)])
    return number[: len(shift)], number[len(shift) :], int(number.max()) + 1
