"""The trained model of water that comes with the package: DeePMD-kit's numbers, its size, and what it learned."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tolerances import assert_close

import dpa2
from dpa2 import demo
from dpa2.training import read_script

RESULTS = ("energy", "forces", "virial", "atom_energy")
EXAMPLE = Path(__file__).parents[2] / "examples" / "water_xtb"
FORCE_ERROR = 0.2  # eV/Å; README.md of the example has the measured errors


def evaluated(name: str, dtype: str):
    """A recorded structure, and what the model says of it."""
    known = demo.structures()[name]
    model = dpa2.load(demo.WATER, dtype=dtype)
    return known, model.evaluate(known["coordinates"], known["types"], known.get("cell"))


@pytest.mark.parametrize("name", demo.structures())
def test_the_trained_model_has_the_numbers_of_deepmd_kit(name):
    """In float64, as these were computed: float32 would hide differences below 1e-6 of the forces."""
    known, out = evaluated(name, "float64")
    for result in RESULTS:
        assert_close("reference", getattr(out, result), known[result], result)


@pytest.mark.parametrize("name", demo.structures())
def test_single_precision_suffices_for_the_trained_model(name):
    known, out = evaluated(name, "float32")
    for result in RESULTS:
        assert_close("reference float32", np.asarray(getattr(out, result), np.float64), known[result], result)


def test_the_trained_model_is_a_small_file_of_float32_with_the_digest_beside_it():
    assert Path(demo.WATER).stat().st_size < 300_000
    model = dpa2.load(demo.WATER)
    assert model.config.dtype == "float32"
    known = json.loads(Path(demo.WATER).with_suffix(".json").read_text())
    assert model.checkpoint().digest() == known["digest"]


def test_the_trained_model_is_that_of_the_script_of_the_example():
    assert dpa2.load(demo.WATER).config == read_script(EXAMPLE / "input.json").config()


def test_the_example_says_the_number_of_steps_of_its_script():
    steps = f"{read_script(EXAMPLE / 'input.json').course.numb_steps:,} steps"
    assert steps in (EXAMPLE / "README.md").read_text()
    note = json.loads(Path(demo.WATER).with_suffix(".json").read_text())
    assert steps.replace(",", "") in note["trained by"]


@pytest.mark.parametrize("name", demo.structures())
def test_the_trained_model_has_learned_the_forces_of_xtb(name):
    """On structures that it was not trained on."""
    known, out = evaluated(name, "float64")
    error = np.sqrt(np.mean((out.forces - known["xtb_forces"]) ** 2))
    assert error < FORCE_ERROR < np.sqrt(np.mean(known["xtb_forces"] ** 2))


def test_a_molecule_has_its_lowest_energy_near_the_length_of_xtb():
    model, energies = dpa2.load(demo.WATER, dtype="float64"), []
    lengths, half = np.linspace(0.85, 1.1, 26), np.radians(53.5)
    for length in lengths:
        hydrogens = [[s * length * np.sin(half), length * np.cos(half), 0.0] for s in (1, -1)]
        energies.append(float(model.evaluate([[0.0, 0.0, 0.0], *hydrogens], ["O", "H", "H"]).energy))
    assert lengths[np.argmin(energies)] == pytest.approx(0.959, abs=0.015)  # of GFN2-xTB
