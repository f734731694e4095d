"""The table of what back ends do: what its cells say is so."""

from __future__ import annotations

import json

import numpy as np
import pytest

import dpa2
from dpa2 import demo
from dpa2.surveys.support import FEATURES, WATER, support

EXACT = {"energy": 1e-15, "forces": 1e-13, "virial": 1e-13, "per-atom virial": 1e-13, "batched": 1e-13, "Hessian": 1e-8}
ROUNDED = {"energy": 1e-8, "forces": 1e-4, "virial": 1e-4, "per-atom virial": 1e-4, "batched": 1e-4, "Hessian": 1e-4}


def cells(library: str, dtype: str) -> dict:
    """The cells of one row by their features."""
    found = {cell.feature: cell for cell in support([library], [dtype])}
    assert list(found) == list(FEATURES)
    assert {(cell.library, cell.dtype) for cell in found.values()} == {(library, dtype)}
    return found


@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize(("dtype", "most"), [("float64", EXACT), ("float32", ROUNDED)])
def test_what_a_library_does_is_right_to_the_precision(library, dtype, most):
    pytest.importorskip(library)
    pytest.importorskip("ase")
    found = cells(library, dtype)
    assert all(found[feature].error <= bound for feature, bound in most.items())
    assert all(found[feature].said == "yes" for feature in ("read", "written", "ASE"))


def test_derivatives_by_weights_are_compared_with_differences():
    for library in ("torch", "jax"):
        pytest.importorskip(library)
        model, exact = dpa2.load(demo.MODEL, backend=library), dpa2.load(demo.MODEL)
        assert FEATURES["derivatives by weights"](model, exact) < 1e-7
    assert cells("numpy", "float64")["derivatives by weights"].said == "numpy does not differentiate by weights"


def test_a_precision_that_is_missing_has_its_reason():
    assert {cell.said for cell in cells("numpy", "bfloat16").values()} == {"NumPy has no bfloat16"}


def test_differences_are_taken_in_float64_whatever_the_precision():
    torch = pytest.importorskip("torch")
    low = dpa2.load(demo.MODEL, dtype="float32")
    exact = low.to("torch", dtype="float64").hessian(WATER)
    assert np.abs(low.hessian(WATER) - exact.numpy(force=True)).max() < 1e-8 * float(torch.abs(exact).max())


def test_the_command_prints_the_table_and_writes_the_page(call, tmp_path):
    page = tmp_path / "support.md"
    code, told, _ = call("support", "numpy", "--dtype", "float64", "--dtype", "bfloat16", "--page", page)
    assert code == 0
    assert "(1) " in told
    assert "| numpy | float64 | 0e+00 |" in page.read_text()
    code, told, _ = call("support", "numpy", "--dtype", "float64", "--json")
    assert [cell["feature"] for cell in json.loads(told)["cells"]] == list(FEATURES)


def test_an_unknown_back_end_is_refused(call):
    code, _, told = call("support", "tensorflow")
    assert (code, "there is no back end 'tensorflow'" in told) == (2, True)
