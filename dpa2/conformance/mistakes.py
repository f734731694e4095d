"""Pieces of the reference done otherwise, for the catalogue of causes. Arrays of NumPy."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

erf = np.vectorize(math.erf, otypes=[float])


def head_order_swapped(output: np.ndarray) -> np.ndarray:
    """The rows of an output matrix taken with the head fastest where it is slowest, or the other way round."""
    heads, channels, _ = output.shape
    return output.reshape(channels, heads, -1).swapaxes(0, 1)


def halves(query: np.ndarray, key: np.ndarray):
    """Queries and keys cut from the packed matrix as its two halves, not interleaved."""
    both = np.concatenate([query, key])
    heads, channels, dim = query.shape
    packed = np.moveaxis(both, 0, 2).reshape(channels, 2, dim, heads)
    return tuple(np.moveaxis(packed[:, k], 2, 0) for k in range(2))


def atoms_first(step, x, sums):
    """Updates of g and h that see f after its own update."""
    atoms = [u.linearize(x, sums) for u in step.updates]
    updates = [y for y, _ in atoms]
    new = step.atom.combine(x.atom, [u.atom for u in updates if u.atom is not None])
    later = dataclasses.replace(x, atom=new)
    again = [u.linearize(later, sums)[0] if y.atom is None else y for u, y in zip(step.updates, updates, strict=True)]
    return [(y, None) for y in again]
