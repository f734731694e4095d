"""Every back end has every member of the contract, with the same parameters, and keeps its promises."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from libraries import need
from stand_in import StandIn
from strict import Strict

from dpa2.backends import NAMES, backend
from dpa2.backends.cupy import CuPy
from dpa2.backends.protocol import Backend
from dpa2.batching.plan import ChunkShape
from dpa2.errors import BackendError
from dpa2.fitting.head import Inputs
from dpa2.nn.arrays import array_namespace
from dpa2.serialization.bfloat16 import round_to_bfloat16

MEMBERS = {name: member for name, member in inspect.getmembers_static(Backend) if not name.startswith("_")}
PROPERTIES = {name for name, member in MEMBERS.items() if isinstance(member, property)}


@pytest.fixture(params=[*NAMES, *(f"uncompiled {name}" for name in NAMES), "strict", "stand-in"])
def library(request):
    """Every back end of the table, what each gives for traces, array-api-strict, and CuPy's back end on that."""
    if request.param in ("strict", "stand-in"):
        return Strict() if request.param == "strict" else CuPy(library=StandIn())
    name = request.param.removeprefix("uncompiled ")
    need(name)
    found = backend(name)
    return found if name == request.param else found.uncompiled()


def parameters(function) -> list[tuple]:
    """Name, kind and default of each parameter but self."""
    found = inspect.signature(function).parameters.values()
    return [(p.name, p.kind, p.default) for p in found if p.name != "self"]


def test_the_contract_has_what_the_package_uses():
    assert {"name", "device", "shape", "threads", "differentiates", "deterministic", "in_memory"} == PROPERTIES
    assert {"run", "joiner", "asarray", "arrays", "to_numpy", "wide"} < MEMBERS.keys()


@pytest.mark.parametrize("name", sorted(MEMBERS.keys() - PROPERTIES))
def test_every_method_of_the_contract_has_the_same_parameters(library, name):
    promised = getattr(Backend, name)
    assert parameters(getattr(library, name)) == parameters(promised)


def test_every_attribute_of_the_contract_has_its_type(library):
    assert isinstance(library.name, str)
    assert isinstance(library.device, str)
    assert isinstance(library.shape, ChunkShape)
    assert isinstance(library.differentiates, bool)
    assert isinstance(library.deterministic, bool)
    assert isinstance(library.in_memory, bool)
    assert library.with_fixed_order().deterministic is True
    assert library.threads >= 1


LOW = ["bfloat16", "float16"]
LACKING = {
    "numpy": ["bfloat16"],
    "strict": LOW,
    "paddle": LOW,
    "stand-in": LOW,
    "cupy": ["bfloat16"],
}  # precisions that libraries do not have


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_weights_are_rounded_to_the_nearest_number(library, dtype, request):
    if dtype in LACKING.get(request.node.callspec.params["library"].removeprefix("uncompiled "), ()):
        with pytest.raises(BackendError, match=dtype):
            library.asarray(np.ones(1), dtype)
        return
    generator = np.random.default_rng(0)
    between = 1 + (generator.integers(0, 1023, 1000) + 0.5) / 1024  # half way between numbers of float16
    given = np.concatenate([between + 2.0**-30, between - 2.0**-30, between, generator.normal(size=1000)])
    nearest = round_to_bfloat16(given.astype("f4")) if dtype == "bfloat16" else given.astype(dtype)
    assert np.array_equal(library.to_numpy(library.asarray(given, dtype)), nearest)


def test_another_shape_gives_another_back_end_and_leaves_this_one_alone(library):
    before, shape = library.shape, ChunkShape(size=7)
    other = library.with_shape(shape)
    assert (type(other), other.shape) == (type(library), shape)
    assert library.shape is before
    assert (other.name, other.device) == (library.name, library.device)


@pytest.mark.parametrize("name", NAMES)
def test_the_device_is_a_name_that_makes_the_same_back_end_again(name):
    need(name)
    found = backend(name)
    assert backend(name, found.device).device == found.device
    assert backend(name, found.device).name == name


def test_uncompiled_back_ends_keep_device_and_shape(library):
    changed = library.with_shape(ChunkShape(size=7))
    assert (changed.uncompiled().shape.size, changed.uncompiled().device) == (7, changed.device)


def test_inference_keeps_the_shape_of_chunks(library):
    changed = library.with_shape(ChunkShape(size=7))
    assert changed.inference({"float64"}).shape == changed.shape


def test_arrays_go_to_the_library_and_come_back(library):
    reals, integers = np.linspace(0.0, 1.0, 6).reshape(2, 3), np.arange(4)
    assert np.array_equal(library.to_numpy(library.asarray(reals)), reals)
    assert library.to_numpy(library.asarray(reals, "float32")).dtype == np.float32
    tree = library.arrays((Inputs(reals, None, reals), integers), "float32")
    assert library.to_numpy(tree[0].real).dtype == np.float32
    assert tree[0].frame is None
    assert library.to_numpy(tree[1]).dtype.kind == "i"


def test_functions_of_chunks_are_run_in_order_with_what_they_share(library):
    shared, items = library.asarray(np.asarray(10.0)), [library.asarray(np.full(k, float(k))) for k in (1, 2, 3)]
    found = library.run(scaled, (shared,), items, items)
    assert [library.to_numpy(x).tolist() for x in found] == [[11.0], [22.0, 22.0], [33.0, 33.0, 33.0]]


def scaled(shared, one, other):
    return shared * one + other


def test_joined_arrays_are_end_to_end(library):
    join = library.joiner()
    for scale in (1.0, 2.0):  # the second call may use the memory of the first
        parts = [scale * np.ones((3, 2)), scale * np.arange(4.0).reshape(2, 2)]
        joined = library.to_numpy(join([library.asarray(part) for part in parts]))
        assert np.array_equal(joined[:5], np.concatenate(parts))


def test_rows_that_belong_together_are_summed(library):
    values, rows = np.arange(12.0).reshape(4, 3), np.array([2, 0, 2, 2])
    found = library.sum_into_rows(library.asarray(values), library.asarray(rows), 4)
    expected = np.stack([values[1], np.zeros(3), values[[0, 2, 3]].sum(axis=0), np.zeros(3)])
    assert np.array_equal(library.to_numpy(found), expected)


def test_derivatives_are_those_along_each_direction(library):
    x = library.asarray(np.array([[1.0, 2.0, 3.0]]))
    directions = np.array([[[1.0, 0.0, 0.0]], [[0.0, 1e3, 2e3]], [[0.0, 0.0, 0.0]]])
    found = library.symmetric_derivatives(slope, x, list(map(library.asarray, directions)))
    found = list(map(library.to_numpy, found))
    assert found[0] == pytest.approx(np.array([[12.0, 6.0, 4.0]]), abs=1e-8)
    assert found[1] == pytest.approx(np.array([[14e3, 2e3, 1e3]]), abs=1e-5)
    assert found[2].tolist() == [[0.0, 0.0, 0.0]]


def slope(x):
    """The gradient of a² b c for x = [[a, b, c]], whose Hessian is [[2bc, 2ac, 2ab], [2ac, 0, a²], [2ab, a², 0]]."""
    a, b, c = x[:, 0:1], x[:, 1:2], x[:, 2:3]
    return array_namespace(x).concat([2.0 * a * b * c, a * a * c, a * a * b], axis=1)
