"""Electron configurations as vectors."""

from __future__ import annotations

import numpy as np
import pytest

from dpa2.descriptor.electrons import ATOMIC_NUMBERS, ORBITALS, VECTOR_ORDER, configuration_vector, occupations
from dpa2.errors import ConfigurationError

CAPACITY = {"s": 2, "p": 6, "d": 10, "f": 14}

# Ground states as textbooks print them: a noble gas and what is outside of it.
KNOWN = {
    "H": "1s1",
    "He": "1s2",
    "C": "[He] 2s2 2p2",
    "O": "[He] 2s2 2p4",
    "Na": "[Ne] 3s1",
    "Cr": "[Ar] 3d5 4s1",
    "Fe": "[Ar] 3d6 4s2",
    "Cu": "[Ar] 3d10 4s1",
    "Kr": "[Ar] 3d10 4s2 4p6",
    "Nb": "[Kr] 4d4 5s1",
    "Mo": "[Kr] 4d5 5s1",
    "Tc": "[Kr] 4d5 5s2",
    "Ru": "[Kr] 4d7 5s1",
    "Rh": "[Kr] 4d8 5s1",
    "Pd": "[Kr] 4d10",
    "Ag": "[Kr] 4d10 5s1",
    "La": "[Xe] 5d1 6s2",
    "Ce": "[Xe] 4f1 5d1 6s2",
    "Eu": "[Xe] 4f7 6s2",
    "Gd": "[Xe] 4f7 5d1 6s2",
    "Lu": "[Xe] 4f14 5d1 6s2",
    "W": "[Xe] 4f14 5d4 6s2",
    "Pt": "[Xe] 4f14 5d9 6s1",
    "Au": "[Xe] 4f14 5d10 6s1",
    "Ac": "[Rn] 6d1 7s2",
    "Th": "[Rn] 6d2 7s2",
    "Pa": "[Rn] 5f2 6d1 7s2",
    "U": "[Rn] 5f3 6d1 7s2",
    "Np": "[Rn] 5f4 6d1 7s2",
    "Cm": "[Rn] 5f7 6d1 7s2",
    "Lr": "[Rn] 5f14 6d1 7s2",
    "Ds": "[Rn] 5f14 6d9 7s1",
    "Rg": "[Rn] 5f14 6d10 7s1",
    "Og": "[Rn] 5f14 6d10 7s2 7p6",
}
CORES = {
    "[He]": "1s2",
    "[Ne]": "1s2 2s2 2p6",
    "[Ar]": "1s2 2s2 2p6 3s2 3p6",
    "[Kr]": "1s2 2s2 2p6 3s2 3p6 3d10 4s2 4p6",
    "[Xe]": "1s2 2s2 2p6 3s2 3p6 3d10 4s2 4p6 4d10 5s2 5p6",
    "[Rn]": "1s2 2s2 2p6 3s2 3p6 3d10 4s2 4p6 4d10 4f14 5s2 5p6 5d10 6s2 6p6",
}


def parsed(configuration: str) -> dict[str, int]:
    for core, inside in CORES.items():
        configuration = configuration.replace(core, inside)
    return {word[:2]: int(word[2:]) for word in configuration.split()}


def orbitals(symbol: str) -> dict[str, list[tuple[int, int]]]:
    """The vector read back: pairs of signs, subshell by subshell."""
    signs = np.rint(np.array(configuration_vector(symbol)) * np.sqrt(118)).astype(int).reshape(59, 2)
    shells = VECTOR_ORDER.split()
    parts = np.split(signs, np.cumsum([ORBITALS[shell[1]] for shell in shells])[:-1])
    return {shell: list(map(tuple, part.tolist())) for shell, part in zip(shells, parts, strict=True)}


@pytest.mark.parametrize("symbol", KNOWN)
def test_known_ground_states(symbol):
    assert {shell: n for shell, n in occupations(symbol).items() if n} == parsed(KNOWN[symbol])


def test_there_are_118_elements_in_order():
    assert list(ATOMIC_NUMBERS.values()) == list(range(1, 119))
    assert [ATOMIC_NUMBERS[s] for s in ("H", "O", "Fe", "Ag", "Gd", "U", "Og")] == [1, 8, 26, 47, 64, 92, 118]


@pytest.mark.parametrize("symbol", ATOMIC_NUMBERS)
def test_every_neutral_atom_has_as_many_electrons_as_protons(symbol):
    filled = occupations(symbol)
    assert sum(filled.values()) == ATOMIC_NUMBERS[symbol]
    assert all(0 <= n <= CAPACITY[shell[1]] for shell, n in filled.items())


@pytest.mark.parametrize("symbol", ATOMIC_NUMBERS)
def test_every_vector_has_length_one_and_counts_the_electrons(symbol):
    vector = np.array(configuration_vector(symbol))
    assert (vector.shape, vector.dtype) == ((118,), np.float64)
    assert np.isclose(vector @ vector, 1.0, rtol=1e-14)
    assert np.isin(vector, [-1 / np.sqrt(118), 1 / np.sqrt(118)]).all()
    assert (vector > 0).sum() == ATOMIC_NUMBERS[symbol]


def test_all_vectors_differ():
    assert len({tuple(configuration_vector(symbol)) for symbol in ATOMIC_NUMBERS}) == 118


def test_electrons_pair_only_when_every_orbital_has_one():
    empty, single, double = (-1, -1), (-1, 1), (1, 1)
    assert orbitals("H")["1s"] == [single]
    assert orbitals("C")["2p"] == [single, single, empty]
    assert orbitals("O")["2p"] == [double, single, single]
    assert orbitals("Fe")["3d"] == [double] + 4 * [single]
    assert orbitals("Pd")["4d"] == 5 * [double]
    assert orbitals("Pd")["5s"] == [empty]
    assert orbitals("U")["5f"] == 3 * [single] + 4 * [empty]
    assert all(orbital == double for shell in orbitals("Og").values() for orbital in shell)


@pytest.mark.parametrize("name", ["X", "fe", "", "Uue"])
def test_what_is_no_element_is_refused(name):
    with pytest.raises(ConfigurationError, match="no element") as caught:
        configuration_vector(name)
    assert caught.value.value == name
