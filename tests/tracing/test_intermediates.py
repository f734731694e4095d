"""The table of intermediates is complete and true: what is recorded, in which shape, in which section."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from dpa2.conformance.vectors import shipped
from dpa2.model.preparation import check_system, list_neighbors
from dpa2.nn.record import listening
from dpa2.tracing.intermediates import LISTS, TABLE, general, position, row
from dpa2.tracing.trace import in_one_chunk

SPECIFICATION = Path(__file__).parents[2] / "docs" / "specification.md"
UNNAMED = {"three_body/gg_s", "three_body/gg_t"}  # the specification's table has these for the two-body block only


@pytest.fixture(scope="module")
def traces() -> dict:
    return {vector.name: vector.trace for vector in (*shipped(), *shipped(of_heads=True))}


def test_every_row_occurs_in_a_golden_vector(traces):
    seen = {general(name) for trace in traces.values() for name in trace}
    assert seen == {entry.name for entry in TABLE}


def test_arrays_have_the_axes_of_the_table(traces):
    for trace in traces.values():
        sizes = {"atom": len(trace["descriptor"]), "3": 3, "4": 4, "1": 1, "9": 9}
        sizes |= {word: trace[f"nlist/{word}"].shape[1] for word in LISTS if f"nlist/{word}" in trace}
        for name, array in trace.items():
            axes = row(name).axes.split()
            assert len(axes) == array.ndim, name
            assert all(sizes.get(word, n) == n for word, n in zip(axes, array.shape, strict=True)), name


def test_everything_that_the_core_records_is_in_the_table():
    recorded = set()
    with listening(lambda name, value: recorded.add(name)):
        for vector in shipped():
            program, system = vector.model.weights.fold(), vector.system
            checked = check_system(vector.config, system)
            ready = in_one_chunk(vector.model, checked, list_neighbors(vector.config, checked, "truncate"))
            program.vjp(ready.chunks, ready.inputs, vector.model.backend.uncompiled())
    assert {name for name in recorded if not row(name).axes} == UNNAMED


def test_rows_are_in_the_order_of_golden_vectors(traces):
    for trace in traces.values():
        assert list(trace) == sorted(trace, key=position)


def test_sections_are_those_of_the_specification():
    headings = set(re.findall(r"^#+ (\d+(?:\.\d+)?)[. ]", SPECIFICATION.read_text(), re.MULTILINE))
    assert {entry.section for entry in TABLE} <= headings


def test_names_are_those_of_the_specification():
    text = SPECIFICATION.read_text().partition("## 19. Trace table")[2].partition("## 20.")[0]
    names = {name.replace("{l}", "#").replace("{k}", "#") for name in re.findall(r"`([\w/{}]+)`", text)}
    last = {name.rpartition("/")[2] for name in names}
    for entry in TABLE:
        known = entry.name in names or entry.name.startswith("nlist/") or entry.name.rpartition("/")[2] in last
        assert known, entry.name


def test_unknown_names_come_last():
    names = ["mine", "energy", "repinit/sw"]
    assert sorted(names, key=position) == ["repinit/sw", "energy", "mine"]
    assert np.isfinite(position("mine")).all()
