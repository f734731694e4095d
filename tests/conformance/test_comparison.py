"""The comparison with golden vectors: slots, shapes, names and tolerances, and the place of the first difference."""

from __future__ import annotations

import re

import numpy as np
import pytest
from golden import named
from libraries import EAGER

from dpa2.conformance.check import check, check_all, earliest
from dpa2.conformance.comparison import TOLERANCES
from dpa2.conformance.vectors import evaluated, shipped
from dpa2.errors import TargetFailed


@pytest.mark.parametrize("library", [*EAGER[1:], pytest.param("jax", marks=pytest.mark.slow)])
@pytest.mark.parametrize("dtype", TOLERANCES)
def test_other_libraries_pass(library, dtype):
    def target(vector, dtype):
        return evaluated(vector.model.to(library, dtype=dtype), vector.system)

    assert earliest(check_all(target, shipped(), (dtype,))) is None


def test_empty_and_excluded_slots_are_not_compared_but_noticed():
    vector = next(v for v in shipped() if v.config.excluded_pairs and v.name.endswith(("periodic", "triclinic")))
    found = dict(vector.trace)
    used = vector.occupied["repformer"]
    assert (~used & (vector.trace["nlist/rf"] >= 0)).any(), "nothing is excluded"
    found["repformer/g2_0"] = np.where(used[..., None], found["repformer/g2_0"], 17.0)
    report = check(vector, found)
    assert report.divergence is None
    assert [finding.name for finding in report.findings if finding.empty_differ] == ["repformer/g2_0"]
    found["repformer/g2_0"] = np.where(used[..., None], 17.0, vector.trace["repformer/g2_0"])
    assert check(vector, found).divergence.finding.name == "repformer/g2_0"


def test_wider_arrays_than_needed_are_welcome():
    vector = named("periodic")
    name = "repinit/env_mat"
    wide = np.pad(vector.trace[name], [(0, 0), (0, 7), (0, 0)], constant_values=5.0)
    assert check(vector, {name: wide}).divergence is None


def test_missing_intermediates_leave_a_range_and_the_middle_of_it_is_asked_for():
    vector = named("periodic")
    names = [name for name in vector.trace if not name.startswith("nlist/")]
    start, end = names.index("repinit/gr"), names.index("repformer/g1_0")
    found = {name: vector.trace[name] for name in names[: start + 1]}
    found["repformer/g1_0"] = vector.trace["repformer/g1_0"] + 1e-3
    divergence = check(vector, found).divergence
    assert (divergence.after, divergence.finding.name) == ("repinit/gr", "repformer/g1_0")
    assert list(divergence.between) == names[start + 1 : end]
    assert divergence.next_dump in divergence.between[1:-1]


@pytest.mark.parametrize(
    ("given", "meant"),
    [("forces", "force"), ("layer1/g2", "repformer/layer1/g2"), ("rot_mat", "repformer/rot_mat"), ("g1", "descriptor")],
)
def test_other_words_are_understood(given, meant):
    vector = next(v for v in shipped() if v.config.repformer.layers == 2)
    assert check(vector, {given: vector.trace[meant]}).given == 1
    assert check(vector, {given: vector.trace[meant] + 0.1}).divergence.finding.name == meant


def test_one_wrong_number_is_found_by_its_place():
    vector = named("periodic")
    array = vector.trace["repinit/env_mat"].copy()
    array[2, 3, 1] += 1e-6
    finding = check(vector, vector.trace | {"repinit/env_mat": array}).divergence.finding
    assert finding.place == "atom 2, neighbour 3, x"
    assert finding.found - finding.expected == pytest.approx(1e-6)
    assert finding.ulps > 1e6


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_numbers_that_are_none_differ(wrong):
    vector = named("periodic")
    assert check(vector, {"energy": np.array([wrong])}).divergence.finding.error == np.inf


def test_tensors_and_lists_and_plainer_shapes_are_taken():
    torch = pytest.importorskip("torch")
    vector = named("periodic")
    trace = vector.trace
    given = {
        "energy": float(trace["energy"][0]),
        "atom_energy": trace["atom_energy"][:, 0].tolist(),
        "virial": trace["virial"].reshape(3, 3),
        "force": torch.tensor(trace["force"], requires_grad=True),
    }
    assert check(vector, given).divergence is None
    with pytest.raises(TargetFailed, match="energy"):
        check(vector, {"energy": [[1.0], [2.0, 3.0]]})
    turned = check(vector, {"repinit/gg": trace["repinit/gg"].swapaxes(1, 2)}).divergence
    assert "transposed?" in turned.finding.reason


def test_nothing_known_is_an_error_that_suggests_names():
    vector = named("periodic")
    with pytest.raises(TargetFailed, match=re.escape("repinit/envmat (repinit/env_mat?)")):
        check(vector, {"repinit/envmat": vector.trace["repinit/env_mat"]})


def test_lists_that_were_given_are_nothing_to_compare():
    vector = named("periodic")
    with pytest.raises(TargetFailed, match="nothing to compare"):
        check(vector, {name: array for name, array in vector.trace.items() if name.startswith("nlist/")})
