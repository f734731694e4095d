"""Electron configurations of the elements, as vectors that a type embedding can take as input."""

from __future__ import annotations

import math

from ..errors import ConfigurationError

PERIODS = """
    H He
    Li Be B C N O F Ne
    Na Mg Al Si P S Cl Ar
    K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr
    Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe
    Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn
    Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og
"""
ATOMIC_NUMBERS = {symbol: number for number, symbol in enumerate(PERIODS.split(), start=1)}

ORBITALS = {"s": 1, "p": 3, "d": 5, "f": 7}
FILLING_ORDER = "1s 2s 2p 3s 3p 4s 3d 4p 5s 4d 5p 6s 4f 5d 6p 7s 5f 6d 7p"
VECTOR_ORDER = "1s 2s 2p 3s 3p 3d 4s 4p 4d 4f 5s 5p 5d 5f 6s 6p 6d 7s 7p"

# Subshells of ground states that differ from the filling order.
EXCEPTIONS = {
    "Cr": {"3d": 5, "4s": 1},
    "Cu": {"3d": 10, "4s": 1},
    "Nb": {"4d": 4, "5s": 1},
    "Mo": {"4d": 5, "5s": 1},
    "Ru": {"4d": 7, "5s": 1},
    "Rh": {"4d": 8, "5s": 1},
    "Pd": {"4d": 10, "5s": 0},
    "Ag": {"4d": 10, "5s": 1},
    "La": {"4f": 0, "5d": 1},
    "Ce": {"4f": 1, "5d": 1},
    "Gd": {"4f": 7, "5d": 1},
    "Pt": {"5d": 9, "6s": 1},
    "Au": {"5d": 10, "6s": 1},
    "Ac": {"5f": 0, "6d": 1},
    "Th": {"5f": 0, "6d": 2},
    "Pa": {"5f": 2, "6d": 1},
    "U": {"5f": 3, "6d": 1},
    "Np": {"5f": 4, "6d": 1},
    "Cm": {"5f": 7, "6d": 1},
    "Ds": {"6d": 9, "7s": 1},
    "Rg": {"6d": 10, "7s": 1},
}


def occupations(symbol: str) -> dict[str, int]:
    """Return the electrons in every subshell of the neutral atom's ground state, empty subshells included.

    Raises `ConfigurationError` if `symbol` is no element.

    >>> {shell: n for shell, n in occupations("Fe").items() if n}
    {'1s': 2, '2s': 2, '2p': 6, '3s': 2, '3p': 6, '4s': 2, '3d': 6}
    """
    if symbol not in ATOMIC_NUMBERS:
        raise ConfigurationError(f"{symbol!r} is the symbol of no element", path="types", value=symbol)
    left = ATOMIC_NUMBERS[symbol]
    filled = {}
    for shell in FILLING_ORDER.split():
        filled[shell] = min(left, 2 * ORBITALS[shell[-1]])
        left -= filled[shell]
    return filled | EXCEPTIONS.get(symbol, {})


def spins(electrons: int, orbitals: int) -> list[int]:
    """Two numbers per orbital of one subshell: (1, 1) double, (-1, 1) single, (-1, -1) empty (Hund's rule)."""
    double = max(0, electrons - orbitals)
    single = electrons - 2 * double
    return [1, 1] * double + [-1, 1] * single + [-1, -1] * (orbitals - double - single)


def configuration_vector(symbol: str) -> list[float]:
    """Return the electron configuration of an element as 118 numbers ±1/√118, a vector of length 1.

    Two numbers for each of the 59 orbitals from 1s to 7p. Raises `ConfigurationError` if `symbol` is no element.

    Source: section 4.1 of the specification.

    >>> [round(x * 118**0.5) for x in configuration_vector("He")[:4]]
    [1, 1, -1, -1]
    """
    filled = occupations(symbol)
    numbers = [spin for shell in VECTOR_ORDER.split() for spin in spins(filled[shell], ORBITALS[shell[-1]])]
    return [number / math.sqrt(118.0) for number in numbers]
