"""Slow, literal readings of the specification, to compare the real thing with."""

from __future__ import annotations

import itertools

import numpy as np

from dpa2.neighbors import Neighbors
from dpa2.structures.lattice import wrapped


def brute_force_neighbors(system, cutoff, limit, excluded_pairs=()) -> Neighbors:
    """Sections 1.2 to 1.4 word for word: every image of every atom, one centre at a time."""
    local = wrapped(system.coordinates, system.cell)
    shifts, extended = extended_atoms(local, system.cell, cutoff)
    types = np.tile(system.types, len(shifts))
    rows = [nearest(i, extended, types, cutoff) for i in range(len(local))]
    total = np.array([len(row) for row in rows])
    rows = [row[:limit] for row in rows]
    rows = [[p for p in row if not excluded(types[i], types[p], excluded_pairs)] for i, row in enumerate(rows)]
    return padded_rows(rows, extended, shifts, total)


def images(cell, cutoff) -> list[tuple[int, int, int]]:
    """Section 1.3: all integer triples of a box, lexicographic, then by norm."""
    if cell is None:
        return [(0, 0, 0)]
    volume = abs(np.linalg.det(cell))
    a, b, c = cell
    faces = [volume / np.linalg.norm(np.cross(u, v)) for u, v in ((b, c), (c, a), (a, b))]
    ranges = [range(-n, n + 1) for n in (int(np.ceil(cutoff / f)) for f in faces)]
    return sorted(itertools.product(*ranges), key=lambda z: np.sqrt(float(z[0] ** 2 + z[1] ** 2 + z[2] ** 2)))


def extended_atoms(local, cell, cutoff):
    """Shifts, and positions numbered image * N + atom."""
    shifts = images(cell, cutoff)
    translations = [0.0 if cell is None else z[0] * cell[0] + z[1] * cell[1] + z[2] * cell[2] for z in shifts]
    return shifts, np.concatenate([local + t for t in translations])


def nearest(i, extended, types, cutoff) -> list[int]:
    """Extended atoms within the cutoff of atom i, by distance and, among equals, by number."""
    if types[i] < 0:
        return []
    distance = np.linalg.norm(extended - extended[i], axis=-1)
    order = np.argsort(distance, kind="stable")
    return [int(p) for p in order if p != i and types[p] >= 0 and distance[p] <= cutoff]


def excluded(t, u, pairs) -> bool:
    return (t, u) in pairs or (u, t) in pairs


def padded_rows(rows, extended, shifts, total) -> Neighbors:
    n, width = len(rows), max(map(len, rows))
    found = Neighbors(
        index=np.full((n, width), -1),
        vector=np.zeros((n, width, 3)),
        distance=np.full((n, width), np.inf),
        shift=np.zeros((n, width, 3), dtype=np.int32),
        extended=np.full((n, width), -1),
        counts=np.array([len(row) for row in rows]),
        total=total,
    )
    for i, row in enumerate(rows):
        for a, p in enumerate(row):
            vector = extended[p] - extended[i]
            found.index[i, a], found.extended[i, a], found.shift[i, a] = p % n, p, shifts[p // n]
            found.vector[i, a], found.distance[i, a] = vector, np.linalg.norm(vector[None], axis=-1)[0]
    return found
