"""CuPy's back end: on a GPU by the tests of all libraries; here, what it calls is in the array-API standard."""

from __future__ import annotations

import ast
import pickle
from dataclasses import fields
from pathlib import Path

import array_api_strict
import numpy as np
import pytest
from references import DATA, frames
from stand_in import Device, StandIn
from strict import on
from tolerances import assert_close

import dpa2
from dpa2 import demo
from dpa2.backends import cupy
from dpa2.backends.cupy import CuPy
from dpa2.errors import BackendError
from dpa2.evaluation.hessian import hessian

CASES = ("base", "fparam", "no_three_body", "not_smooth", "sel_binding", "strip_one_side", "virtual")
WATER = dpa2.System([[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], ["O", "H", "H"])
BEYOND = {"asnumpy", "cuda"}  # what the back end calls that is not in the standard


def placed(model: dpa2.Model, device: str | None = None) -> dpa2.Model:
    """The model on CuPy's back end, which computes with array_api_strict."""
    return on(model, CuPy(device, StandIn()))


def compared(kind: str, model: dpa2.Model, found, expected: dict):
    """Hold energies, forces and virials against expected ones; all are on the model's device."""
    for name in ("energy", "forces", "virial", "atom_energy"):
        array = getattr(found, name)
        assert array.device == Device(model.backend.number)
        assert_close(kind, model.backend.to_numpy(array).ravel(), np.ravel(expected[name]), name)


@pytest.mark.parametrize("device", [None, "cuda:1"])
def test_the_demonstration_is_right_with_what_the_standard_has(device):
    model, box = placed(dpa2.load(demo.MODEL), device), demo.structure()
    compared("reference", model, model.evaluate(box["coordinates"], box["types"], box["cell"]), box)


@pytest.mark.filterwarnings("ignore::dpa2.TruncationWarning")  # lists are cut on purpose
@pytest.mark.parametrize("case", CASES)
def test_reference_cases_are_right_with_what_the_standard_has(case):
    model = placed(dpa2.load(DATA / "cases" / f"{case}.dp"))
    for frame in frames(case)[1:3]:
        (found,) = model.evaluate_many([frame.system], neighbors="truncate")
        compared("reference", model, found, frame.expected)


def test_single_precision_is_right_with_what_the_standard_has():
    model, box = placed(dpa2.load(demo.MODEL, dtype="float32")), demo.structure()
    found = model.evaluate(box["coordinates"], box["types"], box["cell"])
    compared("reference float32", model, found, box)
    assert model.backend.to_numpy(found.forces).dtype == np.float64


def test_second_derivatives_and_descriptors_need_no_more_than_the_standard():
    exact, model = dpa2.load(demo.MODEL), placed(dpa2.load(demo.MODEL))
    host, ready = model.backend.to_numpy, model.prepare_systems([WATER])
    assert_close("weight differences", host(hessian(model.program, model.backend, ready)), exact.hessian(WATER))
    found, expected = (m.descriptor.evaluate(WATER.coordinates, WATER.types) for m in (model, exact))
    for field in fields(found):
        assert_close("libraries", host(getattr(found, field.name)), getattr(expected, field.name), field.name)


def test_tables_and_polynomials_in_place_of_nets_need_no_more_than_the_standard():
    exact = dpa2.load(DATA / "samples" / "dpa2_tiny_strip.dp")
    pairs = [(placed(exact.accelerate(1e-8)), exact.accelerate(1e-8))]
    pairs += [(dpa2.compress(placed(exact), 0.5), dpa2.compress(exact, 0.5))]
    for model, fast in pairs:
        compared("libraries", model, model.evaluate(WATER), vars(fast.evaluate(WATER)))


def test_traces_and_the_calculator_of_ase_need_no_more_than_the_standard():
    exact, model = dpa2.load(demo.MODEL), placed(dpa2.load(demo.MODEL))
    found, expected = (dpa2.trace(m, WATER.coordinates, WATER.types) for m in (model, exact))
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert_close("trace", found[name], array, name)
    ase = pytest.importorskip("ase")
    atoms = ase.Atoms("OHH", WATER.coordinates, cell=np.eye(3) * 6.0, pbc=True, calculator=dpa2.ase.DPA2(model))
    expected = exact.evaluate(atoms)
    assert_close("libraries", atoms.get_forces(), expected.forces)
    assert_close("libraries", atoms.get_stress(voigt=False), expected.stress)
    assert_close("libraries", model.backend.to_numpy(model.evaluate(atoms).stress), expected.stress)


def test_weights_go_there_and_come_back():
    exact = dpa2.load(demo.MODEL)
    model = placed(exact)
    assert {array.device for array in model.state_dict().values()} == {Device(0)}
    assert model.checkpoint().digest() == exact.checkpoint().digest()
    assert model.to("numpy").checkpoint().digest() == exact.checkpoint().digest()


def test_everything_is_computed_while_the_device_of_the_model_is_the_current_one(monkeypatch):
    used, run = set(), CuPy.run
    monkeypatch.setattr(CuPy, "run", lambda self, *given: used.add(Device.current[-1]) or run(self, *given))
    placed(dpa2.load(demo.MODEL), "cuda:1").evaluate([[0, 0, 0], [0.96, 0, 0]], ["O", "H"])
    assert used == {1}
    assert Device.current == [0]


def test_the_file_names_nothing_else_that_the_standard_lacks():
    tree = ast.parse(Path(cupy.__file__).read_text())
    named = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)
             and isinstance(node.value, ast.Attribute) and node.value.attr == "library"}  # fmt: skip
    assert named - set(dir(array_api_strict)) == BEYOND
    assert {name for name in vars(StandIn) if not name.startswith("_")} == BEYOND


def test_without_a_name_the_device_is_the_one_that_the_program_uses():
    assert CuPy(library=StandIn()).device == CuPy("cuda", StandIn()).device == "cuda:0"
    with Device(1):
        assert CuPy(library=StandIn()).device == CuPy("cuda", StandIn()).device == "cuda:1"


@pytest.mark.parametrize(("device", "reason"), [
    ("cpu", "devices are cuda:0"), ("cuda:7", "invalid device ordinal"), ("cuda:x", "invalid literal"),
])  # fmt: skip
def test_a_device_that_is_not_there_is_refused(device, reason):
    with pytest.raises(BackendError, match=f"CuPy cannot use device '{device}': .*{reason}") as caught:
        CuPy(device, StandIn())
    assert caught.value.backend == "cupy"


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_precision_that_the_namespace_lacks_is_named(dtype):
    with pytest.raises(BackendError, match=f"cupy has no {dtype} on cuda:0; use `dtype='float64'` or"):
        placed(dpa2.load(demo.MODEL)).backend.asarray(np.zeros(2), dtype)


def test_a_setting_that_rounds_products_of_float32_is_refused(monkeypatch):
    monkeypatch.setenv("CUPY_TF32", "1")
    model = dpa2.load(demo.MODEL)
    placed(model)
    with pytest.raises(BackendError, match="unset CUPY_TF32"):
        placed(model.to(dtype="float32"))
    monkeypatch.setenv("CUPY_TF32", "0")
    placed(model.to(dtype="float32"))


def test_it_is_pickled_as_class_device_shape_and_order():
    make, (kind, device, shape, deterministic) = CuPy("cuda:1", StandIn()).__reduce__()
    assert (kind, device, shape, deterministic) == (CuPy, "cuda:1", CuPy.shape, True)
    assert pickle.loads(pickle.dumps(make)) is make
