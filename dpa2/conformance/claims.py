"""The relations that found numbers may have to expected ones, each in words and with its test.

A sign, a factor or unit, an added constant, another order, single precision, a power of r, another row of statistics.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..tracing.intermediates import slot_axes
from .case import Case, Claim
from .orders import orders
from .other_structures import of_structures

CONSTANTS = {  # factors that have a name
    "-1": -1.0,
    "2": 2.0,
    "1/2": 0.5,
    "3": 3.0,
    "1/3": 1.0 / 3.0,
    "√2": 2.0**0.5,
    "1/√2": 0.5**0.5,
    "√3": 3.0**0.5,
    "1/√3": 3.0**-0.5,
    "4": 4.0,
    "1/4": 0.25,
    "23.0605 (kcal/mol in place of eV)": 23.060548,
    "1/23.0605 (eV in place of kcal/mol)": 1.0 / 23.060548,
    "96.4853 (kJ/mol in place of eV)": 96.485332,
    "27.2114 (eV in place of Hartree)": 27.211386,
    "1/27.2114 (Hartree in place of eV)": 1.0 / 27.211386,
    "0.529177 (Å in place of Bohr)": 0.529177211,
    "1/0.529177 (Bohr in place of Å)": 1.0 / 0.529177211,
    "0.0194469 (Hartree/Bohr in place of eV/Å)": 0.529177211 / 27.211386,
    "51.4221 (eV/Å in place of Hartree/Bohr)": 27.211386 / 0.529177211,
    "160.218 (GPa in place of eV/Å³)": 160.21766,
}
ROUNDED = 3e-6  # relative difference of two values of the same unit
SINGLE = 2e-6  # largest error of single precision, relative to the largest entry
ENOUGH = 3  # entries that a factor without a name must fit
POWERS = (-3, -2, -1, 1, 2, 3)


def claims(case: Case) -> Iterator[Claim]:
    """Yield the relations that a case suggests, the simplest first."""
    yield NOT_NUMBERS
    if case.alike:
        yield ROUNDING
        yield from (factor(name, value) for name, value in CONSTANTS.items())
        yield from (model_factor(name) for name in model_factors(case))
        yield from of_slots(case)
        yield from fitted_factor(case)
        yield from fitted_shift(case)
    yield from orders(case)
    yield from of_structures(case)


def not_numbers(case: Case) -> bool:
    """Return whether numbers are NaN or infinite where finite ones are expected."""
    return case.found.shape == case.used.shape and bool((~np.isfinite(case.found) & case.used).any())


def rounded(case: Case) -> bool:
    """Return whether numbers of a float64 check are single-precision ones."""
    found, same = case.found[case.used], case.alike
    near = same and np.abs(found - case.expected[case.used]).max(initial=0.0) <= SINGLE * case.scale
    exact = same and (found.astype("float32").astype("float64") == found).all()
    return bool(case.checked.report.dtype == "float64" and near and exact)


NOT_NUMBERS = Claim("NaN or infinite numbers", not_numbers)
ROUNDING = Claim("= expected rounded to single precision (--float32 checks such an implementation)", rounded)


def factor(name: str, value: float, rounding: float = ROUNDED) -> Claim:
    """Return the claim of a constant factor; units may have been rounded to fewer digits."""

    def holds(case: Case) -> bool:
        if not case.alike:
            return False
        near = measured_factor(case)
        exact = "place" not in name
        fits = near is not None and abs(near / value - 1.0) <= (1e-9 if exact else rounding)
        return fits and case.same(near * case.expected, case.found)

    return Claim(f"= {name} × expected", holds)


def measured_factor(case: Case) -> float | None:
    """Return found / expected at the largest expected entry, or None if nothing is expected."""
    expected = np.where(case.used, np.abs(case.expected), 0.0)
    if not expected.size or not expected.any():
        return None
    index = np.unravel_index(int(expected.argmax()), expected.shape)
    return float(case.found[index] / case.expected[index])


def fitted_factor(case: Case) -> Iterator[Claim]:
    """Yield the claim of a factor that has no name, if enough entries have it."""
    value = measured_factor(case)
    if value and np.isfinite(value) and int((case.used & (case.expected != 0)).sum()) >= ENOUGH:

        def holds(other: Case) -> bool:
            same = other.alike
            return same and other.same(value * other.expected, other.found)

        yield Claim(f"= {value:.10g} × expected", holds)


def fitted_shift(case: Case) -> Iterator[Claim]:
    """Yield the claim that a constant was added, if enough entries show it."""
    gap = (case.found - case.expected)[case.used]
    if gap.size < ENOUGH or not np.isfinite(gap).all():
        return
    value = float(gap.mean())

    def holds(other: Case) -> bool:
        same = other.alike
        return same and other.same(other.expected + value, other.found)

    yield Claim(f"= expected + {value:.10g}", holds)


def model_factors(case: Case) -> dict[str, float]:
    """Return factors that depend on the model or the structure, by name."""
    vector = case.checked.vector
    config, system = vector.config, vector.system
    sizes = {
        "the number of atoms": float(len(system.types)),
        "max_neighbors of repinit": float(config.repinit.max_neighbors),
        "max_neighbors of the repformer": float(config.repformer.max_neighbors),
    }
    roots = {f"the root of {name}": value**0.5 for name, value in sizes.items()}
    sizes |= roots
    if system.cell is not None:
        volume = abs(float(np.linalg.det(np.asarray(system.cell, "float64").reshape(3, 3))))
        sizes |= {"the volume": volume, "minus the volume": -volume}
    inverse = {f"1/({name})": 1.0 / value for name, value in sizes.items() if value}
    return sizes | inverse


def model_factor(name: str) -> Claim:
    """Return the claim of a factor that depends on the model."""

    def holds(case: Case) -> bool:
        value = model_factors(case).get(name)
        same = value is not None and value != 1.0 and case.alike
        return bool(same and case.same(value * case.expected, case.found))

    return Claim(f"= {name} × expected", holds)


def of_slots(case: Case) -> Iterator[Claim]:
    """Yield relations by slot: factors that depend on the distance, and a hard cutoff."""
    lists = slot_axes(case.name)
    if len(lists) != 1 or case.name.startswith("nlist/"):
        return
    yield Claim("= 1 for every neighbour within the cutoff: a hard cutoff in place of the switch", hard)
    yield Claim("= expected with statistics (davg, dstd) of the neighbour's type, not the centre's", by_neighbor)
    for sign in (1, -1):
        for power in (0, *POWERS):
            for switched in (0, 1, -1):
                if (sign, power, switched) != (1, 0, 0):
                    yield slot_claim(sign, power, switched, False)
                    if case.name.endswith("env_mat"):
                        yield slot_claim(sign, power, switched, True)


def hard(case: Case) -> bool:
    """Return whether a switch is 1 wherever it is expected to be more than 0, and 0 elsewhere."""
    step = (case.expected > 0).astype("float64")
    return case.name.endswith("/sw") and case.same(step, case.found) and bool((case.expected[case.used] > 0).any())


def slot_claim(sign: int, power: int, switched: int, directions: bool) -> Claim:
    """Return the claim of a factor ± r^power w^switched; of directions alone, before statistics, if asked for."""
    what = [f"r^{power}"] * (power != 0) + ["the switch" if switched > 0 else "1/the switch"] * (switched != 0)
    words = ("-" if sign < 0 else "") + " × ".join(what or ["1"])
    of = "expected in the direction (columns 1 to 3, before statistics); the radial column agrees"

    def holds(case: Case) -> bool:
        if len(slot_axes(case.name)) != 1 or not case.alike:
            return False
        expected, found = (
            (raw(case, case.expected), raw(case, case.found)) if directions else (case.expected, case.found)
        )
        r, w = case.distances() ** abs(power), case.switch() if switched else 1.0
        left = sign * expected * (r if power > 0 else 1.0) * (w if switched > 0 else 1.0)
        right = found * (r if power < 0 else 1.0) * (w if switched < 0 else 1.0)
        if not directions:
            return case.same(left, right)
        radial = np.array([1.0, 0.0, 0.0, 0.0])
        agrees = case.same(expected * radial, found * radial)
        return agrees and case.same(left * (1.0 - radial), right * (1.0 - radial))

    return Claim(f"= {words} × {of if directions else 'expected'}", holds)


def statistics(case: Case, types: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return davg and dstd of types, with 0 and 1 for virtual atoms."""
    block = case.name.partition("/")[0]
    weights, real = case.checked.vector.weights, (types >= 0)[..., None]
    mean, std = (weights[f"descriptor.{block}.environment.{what}"] for what in ("mean", "std"))
    return np.where(real, mean[types], 0.0), np.where(real, std[types], 1.0)


def raw(case: Case, rows: np.ndarray) -> np.ndarray:
    """Return rows of the environment matrix before they were normalised; those of excluded pairs stay 0."""
    mean, std = statistics(case, case.checked.vector.system.types)
    kept = case.used & (case.expected != 0).any(axis=-1, keepdims=True)
    return np.where(kept, rows * std[:, None] + mean[:, None], 0.0)


def by_neighbor(case: Case) -> bool:
    """Return whether rows of the environment matrix were normalised by statistics of the neighbour's type."""
    if not case.name.endswith("env_mat") or not case.alike:
        return False
    near = case.slots("_local")
    mean, std = statistics(case, np.where(near >= 0, case.checked.vector.system.types[near], -1))
    kept = case.used & (case.expected != 0).any(axis=-1, keepdims=True)
    other = np.where(kept, (raw(case, case.expected) - mean) / std, 0.0)
    return case.same(other, case.found) and not case.same(case.expected, case.found)
