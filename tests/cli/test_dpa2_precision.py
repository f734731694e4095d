"""`dpa2 precision`: the error of every intermediate."""

from __future__ import annotations

import json
import sys

import pytest
from tolerances import TOLERANCES

import dpa2
from dpa2 import demo, testing

pytestmark = pytest.mark.filterwarnings("ignore::dpa2.TruncationWarning")  # lists are cut on purpose


@pytest.fixture
def water(tmp_path):
    """A file of two frames that ASE wrote."""
    ase = pytest.importorskip("ase")
    from ase.io import write

    boxes = [testing.water_box(8, seed=seed) for seed in (0, 1)]
    images = [ase.Atoms(box.types, box.coordinates, cell=box.cell, pbc=True) for box in boxes]
    write(tmp_path / "water.xyz", images, format="extxyz")
    return tmp_path / "water.xyz"


def test_precision_finds_the_rounding_of_float32_everywhere_and_more_of_it_in_bfloat16(call, water, tmp_path):
    errors_of = {}
    for dtype in ("float32", "bfloat16"):
        code, told, _ = call("precision", demo.MODEL, water, "--truncate", "--dtype", dtype, "--json")
        data = json.loads(told)
        assert (code, data["frames"], data["dtype"]) == (0, 2, dtype)
        errors_of[dtype] = {tensor["name"]: tensor["error"] for tensor in data["tensors"]}
    single, half = errors_of.values()
    assert all(0.0 < error < TOLERANCES["single precision"][0] for error in single.values())
    assert all(half[name] > 100 * error for name, error in single.items())
    assert {"energy", "force", "repinit/env_mat", "repformer/layer1/g1", "fitting/net_out"} <= single.keys()


def test_precision_shows_a_row_for_each_tensor_and_the_worst(call, water, tmp_path):
    options = "--truncate", "--frames", "1", "--png", tmp_path / "p.png"
    code, text, _ = call("precision", demo.MODEL, water, *options)
    assert code == 0
    assert "the worst of 1 structures" in text
    assert "the error grows most at" in text
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_bfloat16_without_a_library_that_has_it_says_what_to_install(call, monkeypatch, water):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setitem(sys.modules, "jax", None)
    code, _, said = call("precision", demo.MODEL, water, "--dtype", "bfloat16")
    assert code == 7
    assert "pip install 'dpa2[torch]'" in said


def test_an_unknown_precision_is_refused(call, water):
    code, _, said = call("precision", demo.MODEL, water, "--dtype", "float16")
    assert code == 2
    assert "float32, bfloat16" in said


def test_absolute_errors_are_those_of_two_traces(call, water):
    """The last line says what matters; both numbers are computed here."""
    io = pytest.importorskip("ase.io")
    exact = dpa2.load(demo.MODEL)
    lower = exact.to("numpy", dtype="float32")
    energies, forces = [], []
    for atoms in io.read(water, index=":"):
        one, other = (dpa2.trace(m, dpa2.System.from_ase(atoms), neighbors="truncate") for m in (exact, lower))
        energies.append(abs(other["energy"] - one["energy"]).item() / len(atoms))
        forces.append(abs(other["force"] - one["force"]).max())
    code, told, _ = call("precision", demo.MODEL, water, "--truncate", "--json")
    data = json.loads(told)
    assert code == 0
    assert data["energy_error_per_atom"] == pytest.approx(max(energies), rel=1e-6)
    assert data["force_error"] == pytest.approx(max(forces), rel=1e-6)
    said = call("precision", demo.MODEL, water, "--truncate")[1]
    units = f"by at most {1000 * max(energies):.3g} meV/atom, forces by {1000 * max(forces):.3g} meV/Å"
    assert units in said
