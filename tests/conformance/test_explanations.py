"""Explanations: each cause changes something, and wrong forces or a second mistake do not hide it."""

from __future__ import annotations

import numpy as np
import pytest
from golden import named

from dpa2.conformance.causes import CAUSES
from dpa2.conformance.check import check, check_all, common_causes, common_explanations, earliest, rankings
from dpa2.conformance.comparison import TOLERANCES, compare, first_divergence
from dpa2.conformance.explaining import altered_reference, forward
from dpa2.conformance.report import verdict
from dpa2.conformance.vectors import shipped


def test_a_force_alone_is_not_explained_by_mistakes_of_the_energy():
    vector = named("periodic")
    assert not check(vector, vector.trace | {"force": 1.01 * vector.trace["force"]}).explanations


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.name)
def test_every_cause_changes_something_and_leaves_nothing_behind(cause):
    before, vectors = forward(shipped()[0], "float64"), [*shipped(of_heads=True), *shipped()]
    changed = [altered_reference(vector, "float64", cause) for vector in vectors]
    findings = (compare(v.trace, found, v.occupied) for v, found in zip(vectors, changed, strict=True))
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


def test_of_a_known_and_an_unknown_mistake_the_known_one_is_named_and_where_the_other_begins():
    known = mistaken("switch-cubic")

    def target(vector, dtype):
        found = known(vector, dtype)
        return found | {"repinit/grrg": np.tanh(found["repinit/grrg"] + 0.1)}

    reports = check_all(target, shipped())
    assert earliest(reports).divergence.finding.name == "repinit/sw"
    assert not common_causes(reports)
    (found,) = common_explanations(reports)
    assert (found.cause.name, found.until) == ("switch-cubic", "repinit/grrg")
    assert any("up to repinit/grrg, which differs for another reason" in line for line in verdict(reports))


@pytest.mark.parametrize(
    ("names", "given"),
    [
        (("switch-cubic", "repinit-flatten"), ""),  # both in every vector, one after the other
        (("switch-cosine", "exclusion-ignored"), "repinit/"),  # in the same intermediate, in different vectors
        (("direction-reversed", "statistics-ignored"), "repinit/"),  # in the same intermediate of every vector
        (("third-missing", "exclusion-ignored"), "descriptor"),
    ],
)
def test_two_mistakes_at_once_are_both_named(names, given):
    both = mistaken(*names)

    def target(vector, dtype):
        return {name: array for name, array in both(vector, dtype).items() if name.startswith(given)}

    reports = check_all(target, shipped())
    assert not common_causes(reports)
    best = rankings(reports)[0]
    assert not best.rest
    assert len(best.explained) > 20
    assert {cause.name for cause in best.causes} == set(names)
    lines = [line for line in verdict(reports) if line.startswith("matches exactly if: ")]
    assert any(all(f"[{name}]" in line for name in names) for line in lines)


def test_a_cause_that_explains_a_part_is_ranked_by_its_vectors():
    cosine = mistaken("switch-cosine")

    def target(vector, dtype):
        wrong = cosine(vector, dtype)["repinit/sw"]
        return {"repinit/sw": wrong + 0.01 * wrong**3 if vector.config.excluded_pairs else wrong}

    reports = check_all(target, shipped())
    best = rankings(reports)[0]
    names = {vector.name for vector in shipped() if vector.config.excluded_pairs}
    assert [cause.name for cause in best.causes] == ["switch-cosine"]
    assert {report.name for report in best.rest} <= names
    count = sum(report.forward for report in reports)
    (line,) = [line for line in verdict(reports) if "[switch-cosine]" in line]
    assert line.startswith(f"explains {count - len(best.rest)} of {count}: ")
    assert "; the rest: " in line
