"""The lattice of a structure: which axes are periodic, fractional positions, positions moved into the cell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..nn.arrays import Float

Periodic = tuple[bool, bool, bool]  # for each axis, whether the structure repeats along it
EVERYWHERE: Periodic = (True, True, True)
NOWHERE: Periodic = (False, False, False)


def completed(cell: Float[np.ndarray, "3 3"], periodic: Sequence[bool]) -> Float[np.ndarray, "3 3"]:
    """Return the cell with unit vectors, perpendicular to all periodic ones, in place of the vectors of free axes.

    What a program stores as the vector of a free axis (a vacuum, zeros) then has no influence on results.

    >>> abs(completed(np.diag([4.0, 5.0, 20.0]), (True, True, False))).tolist()
    [[4.0, 0.0, 0.0], [0.0, 5.0, 0.0], [0.0, 0.0, 1.0]]
    """
    if all(periodic):
        return cell
    result, fixed = cell.copy(), np.array(periodic)
    perpendicular = np.linalg.svd(cell[fixed])[2][fixed.sum() :]
    result[~fixed] = perpendicular
    return result


def times(rows: Float[np.ndarray, "row 3"], matrix: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "row 3"]:
    """rows @ matrix, summed in a fixed order, so that the result of a row does not depend on the other rows."""
    return rows[:, :1] * matrix[0] + rows[:, 1:2] * matrix[1] + rows[:, 2:] * matrix[2]


def fractional(
    coordinates: Float[np.ndarray, "atom 3"], cell: Float[np.ndarray, "3 3"], periodic: Sequence[bool] = EVERYWHERE
) -> Float[np.ndarray, "atom 3"]:
    """Return positions in units of the lattice vectors, each in [0, 1) along periodic axes."""
    s = times(coordinates, np.linalg.inv(cell))
    inside = np.remainder(s, 1.0)
    inside = np.where(inside < 1.0, inside, 0.0)  # the remainder of -1e-17 rounds to 1
    return inside if all(periodic) else np.where(periodic, inside, s)


def wrapped(
    coordinates: Float[np.ndarray, "atom 3"], cell: np.ndarray | None, periodic: Sequence[bool] = EVERYWHERE
) -> Float[np.ndarray, "atom 3"]:
    """Return coordinates moved into the cell along periodic axes, Å; unchanged without a cell.

    Source: section 1.2 of the specification.

    >>> import numpy as np
    >>> wrapped(np.array([[-1.0, 4.5, 2.0]]), 4.0 * np.eye(3))
    array([[3. , 0.5, 2. ]])
    """
    return coordinates if cell is None else times(fractional(coordinates, cell, periodic), cell)
