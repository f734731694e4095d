"""The golden vectors: they cover all switches, hold the trace of the reference, and are cited by their digest."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from golden import named
from hypothesis import given
from hypothesis import strategies as st
from tolerances import assert_close

import dpa2
from dpa2.conformance.cover import pairwise
from dpa2.conformance.models import FACTORS, PLACES
from dpa2.conformance.vectors import decode, digest, encode, evaluated, made, shipped, shipped_files
from dpa2.errors import FormatError

CITED = Path(__file__).parents[2] / "docs" / "conformance.md"


@given(st.dictionaries(st.text(max_size=3), st.lists(st.integers(), min_size=1, max_size=4, unique=True), max_size=6))
def test_every_two_values_of_any_two_factors_meet(factors):
    rows = pairwise(factors)
    for a, b in itertools.combinations(factors, 2):
        assert set(itertools.product(factors[a], factors[b])) == {(row[a], row[b]) for row in rows}


def test_vectors_are_few_and_cover_all_switches_on_all_structures():
    assert len(shipped()) == 2 + len(pairwise(FACTORS)) <= 40
    assert {vector.name.partition("-")[2] for vector in shipped()} == set(PLACES)
    assert sum(map(len, shipped_files().values())) < 3e6


def test_shipped_vectors_are_what_the_reference_computes():
    for kept, fresh in zip(shipped(), made(), strict=True):
        assert (kept.name, kept.config) == (fresh.name, fresh.config)
        for name, array in fresh.trace.items():
            assert_close("libraries", kept.trace[name], array, f"{kept.name} {name}")
        for name, array in fresh.trace32.items():
            assert kept.trace32[name].dtype == array.dtype
            assert_close("single precision", kept.trace32[name], array, f"{kept.name} {name}")


def test_the_same_vector_gives_the_same_bytes():
    first, second = ([encode(vector) for vector in itertools.islice(made(), 6)] for _ in range(2))
    assert first == second


def test_the_digest_is_the_one_that_is_cited():
    assert digest(shipped_files()) in CITED.read_text()


def test_every_intermediate_of_the_trace_is_in_a_vector_in_both_precisions():
    for vector in shipped():
        assert vector.trace.keys() == vector.trace32.keys() == evaluated(vector.model, vector.system).keys()
        assert {"force", "virial", "atom_virial", "energy", "descriptor"} <= vector.trace.keys()


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff" * 100, Path(dpa2.demo.MODEL).read_bytes()[:4000]])
def test_what_is_no_vector_is_refused(data):
    with pytest.raises(FormatError, match="not a golden vector"):
        decode(data)


def distances(vector) -> np.ndarray:
    return np.linalg.norm(vector.trace["nlist/ri_vector"], axis=-1)[vector.trace["nlist/ri"] >= 0]


def test_atoms_are_exactly_at_the_cutoffs_of_every_block():
    whole = [v for v in shipped() if v.config.three_body and not v.config.model_excluded_pairs]
    vector = next(v for v in whole if v.name.endswith("at_cutoffs"))
    blocks = vector.config.repinit, vector.config.three_body, vector.config.repformer
    wanted = {cutoff for block in blocks for cutoff in (block.cutoff, block.inner_cutoff)}
    assert wanted <= set(distances(vector))


def test_lists_are_cut_short_where_they_are_said_to_bind():
    for vector in (vector for vector in shipped() if vector.name.endswith("binding")):
        places = vector.system.coordinates
        far = np.linalg.norm(places[:, None] - places, axis=-1)
        for block in (vector.config.repinit, vector.config.repformer):
            assert (far <= block.cutoff).sum(axis=1).max() - 1 > block.max_neighbors


def test_a_virtual_atom_is_within_every_cutoff_and_nobodys_neighbour():
    vector = named("virtual")
    (ghost,) = np.flatnonzero(vector.system.types < 0)
    near = np.linalg.norm(vector.system.coordinates - vector.system.coordinates[ghost], axis=1)
    assert np.sort(near)[1] < vector.config.repformer.cutoff
    assert ghost not in vector.trace["nlist/ri_local"]


def test_atoms_see_images_of_themselves_in_the_tiny_cell():
    vector = named("tiny")
    assert (vector.trace["nlist/ri_local"] == np.arange(len(vector.system.types))[:, None]).any()
