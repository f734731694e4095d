"""Random files, built from a grammar or damaged, are valid models or named errors, in bounded memory and time."""

from __future__ import annotations

from collections import Counter

import pytest
from attacks.fuzz import numbers_of, outcomes
from attacks.inputs import SUFFIXES, make

SEED = 15


@pytest.mark.parametrize("files", [800, pytest.param(20000, marks=pytest.mark.slow)])
def test_random_files_are_valid_or_named_errors(files):
    told = list(outcomes(SEED, numbers_of(files, None)))
    assert [t["k"] for t in told] == list(range(files))
    assert not [(t["k"], t["suffix"], t["finding"]) for t in told if t["finding"]]
    assert all(valid_and_refused(told, suffix) for suffix in SUFFIXES)
    assert Counter(t["made"] for t in told).keys() == {"built", "mutated"}


def valid_and_refused(told: list[dict], suffix: str) -> bool:
    """Whether files of a format ended in both ways: some are read, and some refused."""
    mine = [t for t in told if t["suffix"] == suffix]
    return 0 < sum(t["valid"] for t in mine) < len(mine)


@pytest.mark.parametrize("k", range(2 * len(SUFFIXES)))
def test_an_input_is_a_function_of_seed_and_number(k):
    one, other = make(SEED, k), make(SEED, k)
    assert one.suffix == other.suffix
    assert one.made == other.made
    assert one.content == other.content or (one.suffix, one.made) == (".jax", "built")  # the library draws names
    assert make(SEED + 1, k).content != one.content


def test_the_fuzzer_finds_what_is_wrong_with_a_careless_reader():
    """Which loads every file as a pickle: names are looked up and called, and errors have no names."""
    numbers = numbers_of(60, ".pd")
    findings = [t["finding"] for t in outcomes(SEED, numbers, kind="careless")]
    assert any(finding.startswith("does what reading has no business with: pickle.find_class") for finding in findings)
    assert any(finding.startswith("ends with") for finding in findings)
