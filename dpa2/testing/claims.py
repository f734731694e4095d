"""Claims about an evaluation, each a function that tries to refute it.

`evaluate(coordinates, types, cell)` is any function that returns an object with `energy` (a number, eV), `forces`
((N, 3), eV/Å) and `virial` ((3, 3), eV). `system` is a `dpa2.System`, or any object with `coordinates` (N, 3), Å,
`types` (N,) and `cell` ((3, 3), Å, or None). `tolerance` is the largest deviation allowed, relative to the largest
entry. Every check raises `AssertionError` if the claim does not hold, and returns the deviation that it found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from .structures import random_rotation

Evaluate = Callable[..., Any]  # evaluate(coordinates, types, cell), with energy, forces and virial in its result
Structure = Any  # an object with coordinates, types and cell

EXACT = 1e-10  # default tolerance of symmetries: rounding, amplified by coordinates that are themselves rounded
STEP = 3e-4  # step of numerical derivatives, Å; truncation and rounding together then stay below 1e-8
DIFFERENCES = 1e-6  # default tolerance of numerical derivatives


def outcome(evaluate: Evaluate, coordinates, types, cell) -> tuple[float, np.ndarray, np.ndarray]:
    """Return energy, forces and virial as NumPy float64."""
    result = evaluate(coordinates, types, cell)
    fields = [np.asarray(getattr(result, n), dtype=np.float64) for n in ("energy", "forces", "virial")]
    return float(fields[0].reshape(())), fields[1], fields[2].reshape(3, 3)


def original(evaluate: Evaluate, system: Structure):
    """Return coordinates, types and cell as arrays, and their energy, forces and virial."""
    coordinates, types = np.asarray(system.coordinates, dtype=np.float64), np.asarray(system.types)
    cell = None if system.cell is None else np.asarray(system.cell, dtype=np.float64).reshape(3, 3)
    return (coordinates, types, cell), outcome(evaluate, coordinates, types, cell)


def agree(claim: str, tolerance: float, *pairs) -> float:
    """Return the largest deviation of (found, expected) pairs, each relative to its largest entry."""
    names = ("energy", "forces", "virial")
    deviations = []
    for name, (found, expected) in zip(names, pairs, strict=False):
        found, expected = np.asarray(found), np.asarray(expected)
        scale = max(np.abs(expected).max(initial=0.0), np.finfo(float).tiny)
        if name != "energy":  # where all forces vanish by symmetry, their rounding is that of the energy
            scale = max(scale, 1e-3 * abs(pairs[0][1]))
        deviations.append(np.abs(found - expected).max(initial=0.0) / scale)
        if not deviations[-1] <= tolerance:
            raise AssertionError(f"{claim}: {name} deviates by {deviations[-1]:.1e}, {tolerance:.0e} is allowed")
    return float(max(deviations))


def check_translation(
    evaluate: Evaluate, system: Structure, shift: Sequence[float] = (0.7, -1.3, 2.9), tolerance: float = EXACT
) -> float:
    """Moving all atoms by `shift` (Å) changes nothing.

    >>> from dpa2 import testing
    >>> model = testing.perturbed_model(testing.small_config())
    >>> testing.check_translation(model.evaluate, testing.water_box(4)) < 1e-10
    True
    """
    (coordinates, types, cell), before = original(evaluate, system)
    after = outcome(evaluate, coordinates + np.asarray(shift), types, cell)
    return agree("a translation changes nothing", tolerance, *zip(after, before, strict=True))


def check_rotation(
    evaluate: Evaluate, system: Structure, seed: int = 0, reflect: bool = False, tolerance: float = EXACT
) -> float:
    """Turning (and reflecting) the system turns forces and virial with it, and does not change the energy.

    >>> from dpa2 import testing
    >>> model = testing.perturbed_model(testing.small_config())
    >>> testing.check_rotation(model.evaluate, testing.water_box(4), seed=1, reflect=True) < 1e-10
    True
    """
    (coordinates, types, cell), (energy, forces, virial) = original(evaluate, system)
    turn = random_rotation(np.random.default_rng(seed), reflect)
    after = outcome(evaluate, coordinates @ turn.T, types, None if cell is None else cell @ turn.T)
    expected = energy, forces @ turn.T, turn @ virial @ turn.T
    return agree("a rotation turns forces and virial", tolerance, *zip(after, expected, strict=True))


def check_permutation(
    evaluate: Evaluate, system: Structure, seed: int = 0, first_stays: bool = False, tolerance: float = EXACT
) -> float:
    """Renumbering the atoms renumbers the forces.

    `first_stays` keeps atom 0 at its number: with environment statistics whose mean is not zero, energies depend on
    the type of the first atom (section 9.2 of the specification).

    >>> from dpa2 import testing
    >>> model = testing.perturbed_model(testing.small_config(), statistics="centered")
    >>> testing.check_permutation(model.evaluate, testing.water_box(4)) < 1e-10
    True
    """
    (coordinates, types, cell), (energy, forces, virial) = original(evaluate, system)
    fixed = int(first_stays)
    order = np.arange(len(types))
    order[fixed:] = np.random.default_rng(seed).permutation(order[fixed:])
    after = outcome(evaluate, coordinates[order], types[order], cell)
    expected = energy, forces[order], virial
    return agree("a new order of atoms only reorders forces", tolerance, *zip(after, expected, strict=True))


def check_images(evaluate: Evaluate, system: Structure, seed: int = 0, tolerance: float = EXACT) -> float:
    """Moving atoms by lattice vectors, or describing the lattice by other vectors, changes nothing.

    >>> from dpa2 import testing
    >>> model = testing.perturbed_model(testing.small_config())
    >>> testing.check_images(model.evaluate, testing.water_box(4)) < 1e-10
    True
    """
    (coordinates, types, cell), before = original(evaluate, system)
    generator = np.random.default_rng(seed)
    moved = coordinates + generator.integers(-3, 4, coordinates.shape) @ cell
    other = np.array([[1, 0, 0], [generator.integers(-1, 2), 1, 0], [0, generator.integers(-1, 2), 1]])
    for r, b in ((moved, cell), (coordinates, (other @ cell)[generator.permutation(3)])):
        after = outcome(evaluate, r, types, b)
        deviation = agree("images are the same atom", tolerance, *zip(after, before, strict=True))
    return deviation


def check_supercell(
    evaluate: Evaluate, system: Structure, repeats: Sequence[int] = (2, 1, 1), tolerance: float = EXACT
) -> float:
    """A periodic system repeated n times has n times the energy and the virial, and the same forces.

    >>> from dpa2 import testing
    >>> model = testing.perturbed_model(testing.small_config())
    >>> testing.check_supercell(model.evaluate, testing.water_box(4), repeats=(1, 1, 2)) < 1e-10
    True
    """
    (coordinates, types, cell), (energy, forces, virial) = original(evaluate, system)
    shifts = np.indices(repeats).reshape(3, -1).T @ cell
    count = len(shifts)
    larger = (coordinates + shifts[:, None, :]).reshape(-1, 3), np.tile(types, count), np.diag(repeats) @ cell
    expected = count * energy, np.tile(forces, (count, 1)), count * virial
    return agree("a supercell is n cells", tolerance, *zip(outcome(evaluate, *larger), expected, strict=True))


def slope(energy: Callable[[float], float], step: float) -> tuple[float, float]:
    """Return dE/dx at 0 by central differences of fourth order, and a bound of its rounding error."""
    values = {k: energy(k * step) for k in (-2, -1, 1, 2)}
    derivative = (8.0 * (values[1] - values[-1]) - (values[2] - values[-2])) / (12.0 * step)
    return derivative, 10.0 * np.finfo(float).eps * abs(values[1]) / step


def check_forces(
    evaluate: Evaluate,
    system: Structure,
    seed: int = 0,
    directions: int = 2,
    step: float = STEP,
    tolerance: float = DIFFERENCES,
) -> float:
    """Forces are minus the derivative of the energy, along a few random directions in which all atoms move.

    >>> from dpa2 import testing
    >>> model = testing.perturbed_model(testing.small_config())
    >>> testing.check_forces(model.evaluate, testing.water_box(4)) < 1e-6
    True
    """
    (coordinates, types, cell), (_, forces, _) = original(evaluate, system)
    generator, worst = np.random.default_rng(seed), 0.0
    for _ in range(directions):
        way = generator.normal(size=coordinates.shape)
        found, rounding = slope(lambda x: outcome(evaluate, coordinates + x * way, types, cell)[0], step)  # noqa: B023
        expected, scale = -np.sum(forces * way), np.linalg.norm(forces) * np.linalg.norm(way) / len(forces) ** 0.5
        worst = max(worst, below("forces are the slope of the energy", found - expected, scale, rounding, tolerance))
    return worst


def check_virial(
    evaluate: Evaluate, system: Structure, seed: int = 0, step: float = STEP / 3, tolerance: float = DIFFERENCES
) -> float:
    """The virial is minus the derivative of the energy along a random strain, for clusters and periodic systems.

    A strain ε moves r to (1 + ε) r, lattice vectors included; the virial is -dE/dε, in eV.

    >>> from dpa2 import testing
    >>> model = testing.perturbed_model(testing.small_config())
    >>> testing.check_virial(model.evaluate, testing.water_box(4)) < 1e-6
    True
    """
    (coordinates, types, cell), (_, _, virial) = original(evaluate, system)
    strain = np.random.default_rng(seed).normal(size=(3, 3))
    strain = strain / np.linalg.norm(strain)

    def energy(x: float) -> float:
        stretch = (np.eye(3) + x * strain).T
        return outcome(evaluate, coordinates @ stretch, types, None if cell is None else cell @ stretch)[0]

    found, rounding = slope(energy, step)
    claim, scale = "the virial is the slope along a strain", float(np.linalg.norm(virial))
    return below(claim, found + np.sum(virial * strain), scale, rounding, tolerance)


def below(claim: str, deviation: float, scale: float, rounding: float, tolerance: float) -> float:
    """Return the relative deviation; raise `AssertionError` if it exceeds the tolerance and the rounding."""
    if not abs(deviation) <= tolerance * scale + rounding:
        relative = abs(deviation) / scale if scale else np.inf
        raise AssertionError(f"{claim}: the difference deviates by {relative:.1e}, {tolerance:.0e} is allowed")
    return float(max(0.0, abs(deviation) - rounding) / scale) if scale else 0.0


def check_locality(evaluate: Evaluate, system: Structure, atom: int, to: Sequence[float], reach: float) -> float:
    """Moving one atom to `to` (Å) does not change a bit of the forces on atoms that are far away.

    Far away are atoms whose images are all more than twice `reach` (Å) from the atom, before and after it moves. The
    reach of DPA-2 is the cutoff of repinit plus, for each layer, that of the repformer. Forces reach twice as far as
    atomic energies, because a force is the derivative of all energies that depend on the atom.

    >>> from dpa2 import testing
    >>> model = testing.perturbed_model(testing.small_config())
    >>> far = testing.water_box(1)
    >>> far = type(far)([*far.coordinates, [40, 0, 0], [42, 0, 0]], [*far.types, "O", "H"])
    >>> testing.check_locality(model.evaluate, far, atom=4, to=[41, 1, 0], reach=13.6)
    0.0
    """
    (coordinates, types, cell), (_, before, _) = original(evaluate, system)
    moved = coordinates.copy()
    moved[atom] = to
    after = outcome(evaluate, moved, types, cell)[1]
    shifts = np.zeros((1, 3)) if cell is None else (np.indices((5, 5, 5)).reshape(3, -1).T - 2) @ cell
    gaps = [np.linalg.norm((coordinates - r[atom])[:, None, :] + shifts, axis=-1).min(1) for r in (coordinates, moved)]
    far = (np.minimum(*gaps) > 2 * reach) & (np.arange(len(types)) != atom)
    if not far.any():
        raise AssertionError("locality: no atom is out of reach, so nothing was tested")
    deviation = float(np.abs(after[far] - before[far]).max())
    if deviation:
        raise AssertionError(f"locality: forces beyond twice {reach} Å change, by {deviation:.1e}; not a bit may")
    return deviation


def orders_of_jumps(path: Callable[[float], np.ndarray], at: float, step: float, halvings: int = 2) -> list[float]:
    """Return the powers of the step with which a jump of `path` at `at` vanishes: 0 for a real jump, 3 without one.

    From each side the path is extrapolated to `at` by a parabola through three points; the difference of the two
    sides is the jump plus an error of third order. An infinite order means that only rounding is left.

    >>> from dpa2 import testing
    >>> [round(n, 1) for n in testing.orders_of_jumps(np.sign, at=0.0, step=0.1)]
    [0.0, 0.0]
    >>> min(testing.orders_of_jumps(np.exp, at=0.0, step=0.1)) > 2.9
    True
    """
    return orders_of_sizes(*sizes_of_jumps(path, at, step, halvings))


def sizes_of_jumps(path: Callable[[float], np.ndarray], at: float, step: float, halvings: int) -> tuple[list, float]:
    """Sizes of a possible jump with a step and its halvings, and a bound of their rounding error."""
    jumps, rounding = [], 0.0
    for k in range(halvings + 1):
        h = step / 2**k
        left, right = ([np.asarray(path(at + side * n * h)) for n in (1, 2, 3)] for side in (-1, 1))
        ends = [3.0 * a - 3.0 * b + c for a, b, c in (left, right)]
        jumps.append(float(np.abs(ends[1] - ends[0]).max()))
        rounding = max(rounding, 50 * np.finfo(float).eps * float(np.abs(left + right).max()))
    return jumps, rounding


def orders_of_sizes(jumps: list[float], rounding: float) -> list[float]:
    """Ratios of each size to the next, as powers of two; infinite where the next is only rounding."""
    return [np.inf if b <= rounding else float(np.log2(a / b)) for a, b in pairwise(jumps)]
