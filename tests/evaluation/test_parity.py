"""Numbers are those of DeePMD-kit: every case, on every array library, through every entrance."""

from __future__ import annotations

import dataclasses

import numpy as np
import oracles
import pytest
from libraries import EAGER, LIBRARIES
from references import CASES, DATA, ONE_CHUNK, frames, host, load, read_frame
from tolerances import assert_close

import dpa2
from dpa2.backends.compiling import compiled
from dpa2.descriptor.descriptor import advance
from dpa2.evaluation.descriptor import evaluate_descriptor
from dpa2.model.preparation import check_system, in_chunks, list_neighbors
from dpa2.structures.lattice import wrapped
from dpa2.structures.system import System

pytestmark = pytest.mark.filterwarnings("ignore::dpa2.TruncationWarning")  # lists are cut on purpose

FIELDS = ("energy", "forces", "virial", "atom_energy")
VIRTUAL = ("virtual", "model_exclude")  # the reference holds no descriptor of these
SHARED = ("pbc", "cluster", "triclinic")  # frames of the samples


def tolerance(case: str) -> str:
    return "reference float32" if case == "float32" else "reference"


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("library", LIBRARIES)
def test_energies_forces_and_virials_are_those_of_the_reference(library, case):
    model = load(case, library)
    systems = [frame.system for frame in frames(case)]
    for result, frame in zip(model.evaluate_many(systems, neighbors="truncate"), frames(case), strict=True):
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
    """Frame by frame; on JAX in one pass, of equally wide blocks."""
    systems = [frame.system for frame in frames(case)]
    if model.backend.name != "jax":
        return [model.descriptor.evaluate(s.coordinates, s.types, s.cell, neighbors="truncate") for s in systems]
    systems = [check_system(model.config, s) for s in systems]
    lists = [list_neighbors(model.config, s, "truncate") for s in systems]
    ready = in_chunks(model.config, model.backend, systems, lists, shape=ONE_CHUNK)
    return evaluate_descriptor(model.program.descriptor, model.backend, ready)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_compiled_functions_on_jax_give_the_numbers_of_the_reference(case):
    model = dpa2.load(DATA / "cases" / f"{case}.dp", backend="jax")
    systems = [frame.system for frame in frames(case)]
    for result, frame in zip(model.evaluate_many(systems, neighbors="truncate"), frames(case), strict=True):
        for name in FIELDS:
            assert_close("reference", host(model, getattr(result, name)), frame.expected[name], name)


def test_jax_compiles_once_for_each_shape_of_blocks():
    model, system = load("base", "jax"), frames("base")[0].system
    model.evaluate_many([system], neighbors="truncate")
    before = len(compiled(advance, "cpu"))
    moved = dataclasses.replace(system, coordinates=system.coordinates + 0.01 * np.sin(np.arange(288.0)).reshape(96, 3))
    model.evaluate_many([moved], neighbors="truncate")
    assert before > 0
    assert len(compiled(advance, "cpu")) == before


@pytest.mark.parametrize("library", EAGER)
@pytest.mark.parametrize(("sample", "expected", "head"), [
    ("dpa2_tiny.dp", "expected.npz", None),
    ("dpa2_tiny.yaml", "expected.npz", None),
    ("dpa2_tiny_strip.dp", "expected.strip.npz", None),
    ("dpa2_tiny_multitask.head_water_1.dp", "expected.multitask_water_1.npz", None),
])  # fmt: skip
def test_genuine_files_give_the_numbers_of_the_program_that_wrote_them(library, sample, expected, head):
    model, data = dpa2.load(DATA / "samples" / sample, backend=library, head=head), np.load(DATA / "samples" / expected)
    for name in SHARED:
        frame = read_frame(data, name, "coord")
        system, wanted = frame.system, frame.expected
        result = model.evaluate(system.coordinates, system.types, system.cell, atom_virial=True)
        assert_close("samples", host(model, result.energy).reshape(1), wanted["energy"], "energy")
        assert_close("samples", host(model, result.atom_energy), wanted["atom_energy"].reshape(-1), "atom_energy")
        assert_close("sample forces", host(model, result.forces), wanted["force"], "forces")
        assert_close("sample forces", host(model, result.virial), wanted["virial"], "virial")
        assert_close("sample forces", host(model, result.atom_virial).reshape(-1, 9), wanted["atom_virial"], "shares")
        d = model.descriptor.evaluate(system.coordinates, system.types, system.cell)
        assert_close("samples", host(model, d.descriptor), wanted["descriptor"], "descriptor")


@pytest.mark.parametrize("library", EAGER)
@pytest.mark.parametrize("case", ["base", "not_smooth", "exclude", "fparam", "virtual"])
def test_evaluating_many_at_once_equals_one_by_one(library, case):
    model = load(case, library)
    systems = [frame.system for frame in frames(case)]
    together = model.evaluate_many(systems, neighbors="truncate", atom_virial=True)
    for system, result in zip(systems, together, strict=True):
        alone = model.evaluate(*arguments(system), **parameters(system), neighbors="truncate", atom_virial=True)
        for name in FIELDS:
            assert_close("batch", host(model, getattr(result, name)), host(model, getattr(alone, name)), name)
        assert_close("layout", host(model, result.atom_virial), host(model, alone.atom_virial), "atom_virial")


@pytest.mark.parametrize("library", EAGER)
def test_frames_of_one_array_are_stacked_along_a_first_axis(library):
    model, system = load("base", library), frames("base")[1].system
    moved = np.stack([system.coordinates, system.coordinates + 1.0])
    result = model.evaluate(moved, system.types, neighbors="truncate")
    assert result.forces.shape == (2, 23, 3)
    assert_close("symmetry", host(model, result.energy)[0], host(model, result.energy)[1], "one energy")


@pytest.mark.parametrize("case", ["base", "exclude", "model_exclude", "four_types", "virtual", "fparam"])
@pytest.mark.parametrize("frame", [0, 1, 2])
def test_a_list_of_images_from_outside_gives_the_same_numbers(case, frame):
    model, reference = load(case), frames(case)[frame]
    system = reference.system
    inside = model.evaluate(*arguments(system), **parameters(system), neighbors="truncate")
    outside = model.evaluate_extended(
        *extended(system, model.config.repinit.cutoff), neighbors="truncate", **parameters(system)
    )
    for name in FIELDS:
        assert_close("extended", getattr(outside, name), getattr(inside, name), name)
        assert_close("reference", getattr(outside, name), reference.expected[name], name)


def extended(system: System, cutoff: float, seed: int = 0):
    """Section 1.3 word for word, and lists that are too long, too wide, full of holes and in no order."""
    generator = np.random.default_rng(seed)
    local = wrapped(system.coordinates, system.cell)
    shifts, positions = oracles.extended_atoms(local, system.cell, cutoff)
    types, mapping = np.tile(system.types, len(shifts)), np.tile(np.arange(len(local)), len(shifts))
    rows = [oracles.nearest(i, positions, types, 1.2 * cutoff) for i in range(len(local))]
    width = 5 + max(map(len, rows))
    nlist = np.stack([generator.permutation(row + [-1] * (width - len(row))) for row in rows])
    return positions, types, nlist, mapping


def arguments(system: System):
    return system.coordinates, system.types, system.cell


def parameters(system: System) -> dict:
    return {"fparam": system.frame_parameters, "aparam": system.atom_parameters}
