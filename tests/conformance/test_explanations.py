"""Explanations: each cause changes something, and wrong forces or a second mistake do not hide it."""

from __future__ import annotations

import numpy as np
import pytest
from golden import named

from dpa2.conformance.causes import CAUSES
from dpa2.conformance.check import check, check_all, common_causes, common_explanations, earliest
from dpa2.conformance.comparison import TOLERANCES, compare, first_divergence
from dpa2.conformance.explaining import altered_reference, forward
from dpa2.conformance.report import verdict
from dpa2.conformance.vectors import shipped


def test_a_force_alone_is_not_explained_by_mistakes_of_the_energy():
    vector = named("periodic")
    assert not check(vector, vector.trace | {"force": 1.01 * vector.trace["force"]}).explanations


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.name)
def test_every_cause_changes_something_and_leaves_nothing_behind(cause):
    before = forward(shipped()[0], "float64")
    changed = [altered_reference(cause, vector, "float64") for vector in shipped()]
    findings = (compare(v.trace, found, v.occupied) for v, found in zip(shipped(), changed, strict=True))
    assert any(first_divergence(found, TOLERANCES["float64"]) for found in findings)
    again = forward(shipped()[0], "float64")
    assert all(np.array_equal(array, before[name]) for name, array in again.items())


def mistaken(*names: str, force: float = 1.0):
    """A target with some mistakes of the catalogue in it."""
    causes = [cause for cause in CAUSES if cause.name in names]

    def target(vector, dtype):
        return forward(vector, dtype, *causes) | {"force": force * vector.trace["force"]}

    return target


def test_a_wrong_force_does_not_hide_the_cause_of_wrong_energies():
    reports = check_all(mistaken("gate-ignored", force=-1.0), shipped())
    assert [cause.name for cause in common_causes(reports)] == ["gate-ignored"]


def test_of_two_mistakes_the_first_is_named_and_where_the_second_begins():
    reports = check_all(mistaken("switch-cubic", "repinit-flatten"), shipped())
    assert earliest(reports).divergence.finding.name == "repinit/sw"
    assert not common_causes(reports)
    (found,) = common_explanations(reports)
    assert (found.cause.name, found.until) == ("switch-cubic", "repinit/grrg")
    assert any("up to repinit/grrg, which differs for another reason" in line for line in verdict(reports))
