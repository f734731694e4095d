"""Numbers are those of DeePMD-kit, for every case, on every array library and through every entrance."""

from __future__ import annotations

import dataclasses

import numpy as np
import oracles
import pytest
from references import CASES, DATA, LIBRARIES, frames, host, load, read_frame
from tolerances import assert_close

import dpa2
from dpa2.backends import jax as jax_backend
from dpa2.evaluation import evaluate_descriptor
from dpa2.system import wrapped

FIELDS = ("energy", "forces", "virial", "atom_energy")
VIRTUAL = ("virtual", "model_exclude")  # the reference has no descriptor for these
TIED = ("model_exclude",)


def tolerance(case: str) -> str:
    return "reference float32" if case == "float32" else "reference"


def evaluate_all(model, case: str):
    """Results for the four frames in one pass."""
    systems = [frame.system for frame in frames(case)]
    return zip(model.evaluate_many(systems, neighbors="truncate"), frames(case), strict=True)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("library", LIBRARIES)
def test_energies_forces_and_virials_are_those_of_the_reference(library, case):
    model = load(case, library)
    for result, frame in evaluate_all(model, case):
        for name in FIELDS:
            assert_close(tolerance(case), host(model, getattr(result, name)), frame.expected[name], name)


@pytest.mark.parametrize("case", [case for case in CASES if case not in VIRTUAL])
@pytest.mark.parametrize("library", LIBRARIES)
def test_descriptors_and_rotation_matrices_are_those_of_the_reference(library, case):
    model = load(case, library)
    for result, frame in zip(descriptors(model, case), frames(case), strict=True):
        assert_close(tolerance(case), host(model, result.descriptor), frame.expected["descriptor"], "descriptor")
        assert_close(tolerance(case), host(model, result.rotation), frame.expected["rot_mat"], "rotation")


def descriptors(model, case: str):
    """Frame by frame; on JAX in one pass, whose operations are compiled already."""
    systems = [frame.system for frame in frames(case)]
    if model.backend.name != "jax":
        return [model.descriptor.evaluate(s.coordinates, s.types, s.cell, neighbors="truncate") for s in systems]
    systems = [model.checked(s) for s in systems]
    ready = model.prepare(systems, [model.neighbors(s, "truncate") for s in systems])
    return evaluate_descriptor(model.program.descriptor, model.backend, ready)
