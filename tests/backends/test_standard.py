"""Any library that follows the array-API standard: it computes the same, or an error says what it cannot do."""

from __future__ import annotations

import pickle
import types
from importlib import import_module

import array_api_strict
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strict import on
from tolerances import assert_close

import dpa2
from dpa2 import demo
from dpa2.backends import Standard
from dpa2.backends.row_sums import sum_into_rows
from dpa2.errors import BackendError

WATER = [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], ["O", "H", "H"], None
FAR = array_api_strict.Device("device1")  # NumPy refuses to read its arrays


@pytest.mark.parametrize("library", ["numpy", "array_api_strict", "array_api_compat.torch"])
def test_a_library_that_follows_the_standard_computes_the_same(library):
    pytest.importorskip(library.removeprefix("array_api_compat."))
    exact, other = dpa2.load(demo.MODEL), Standard("mine", import_module(library))
    model, box = on(exact, other), demo.structure()
    found = model.evaluate(box["coordinates"], box["types"], box["cell"])
    for name in ("energy", "forces", "virial", "atom_energy"):
        assert_close("reference", np.ravel(other.to_numpy(getattr(found, name))), np.ravel(box[name]), name)
    assert_close("weight differences", other.to_numpy(model.descriptor.evaluate(*WATER).descriptor),
                 exact.descriptor.evaluate(*WATER).descriptor)  # fmt: skip


def test_a_device_is_kept_and_left_only_for_results():
    model = on(dpa2.load(demo.MODEL), Standard("far", array_api_strict, FAR))
    found = model.evaluate(*WATER)
    assert found.forces.device == FAR
    assert np.array_equal(model.backend.to_numpy(found.forces), on(model, Standard("near", array_api_strict)).evaluate(
        *WATER).forces)  # fmt: skip
    assert model.checkpoint().digest() == dpa2.load(demo.MODEL).checkpoint().digest()


def test_no_shape_depends_on_numbers():
    flags = {"data_dependent_shapes": False, "boolean_indexing": False, "enabled_extensions": ()}
    with array_api_strict.ArrayAPIStrictFlags(**flags):
        found = on(dpa2.load(demo.MODEL), Standard("rigid", array_api_strict)).evaluate(*WATER)
    assert_close("libraries", np.asarray(found.forces), dpa2.load(demo.MODEL).evaluate(*WATER).forces)


@pytest.mark.parametrize("rest", [(), (3,), (3, 2)])
@given(count=st.integers(0, 8), seed=st.integers(0, 99), values=st.integers(0, 60))
def test_sums_over_rows_are_those_of_numpy(rest, count, seed, values):
    generator = np.random.default_rng(seed)
    numbers = generator.integers(-9, 9, (values if count else 0, *rest)).astype(float)
    rows = generator.integers(0, max(count, 1), len(numbers))
    expected = np.zeros((count, *rest))
    np.add.at(expected, rows, numbers)
    found = sum_into_rows(array_api_strict.asarray(numbers), array_api_strict.asarray(rows), count)
    assert np.array_equal(found, expected)


# What is refused


class Promise:
    """An array that knows only what it will be: every operation gives another one, and none becomes a number."""

    T = mT = property(lambda self: self)
    ndim, shape, dtype = 2, (1, None), array_api_strict.float64

    def __array_namespace__(self, api_version=None):
        return array_api_strict

    def __matmul__(self, other):
        return self

    __add__ = __getitem__ = __matmul__

    def __bool__(self):
        raise NotImplementedError("the graph has not been computed")

    __float__ = __array__ = __bool__


def namespace(**functions) -> types.SimpleNamespace:
    """A library with some functions."""
    return types.SimpleNamespace(**functions)


def test_a_lazy_library_is_refused_with_what_it_cannot_do():
    with pytest.raises(BackendError, match=r"promises: .*graph has not been computed.* lazy: .*numbers on its way"):
        Standard("promises", namespace(asarray=lambda x: Promise()))


@pytest.mark.parametrize(("library", "what"), [
    (namespace(), "cannot make an array: AttributeError"),
    (namespace(asarray=lambda x: x), "list .*__array_namespace__"),
    (namespace(asarray=lambda x: 0.0 * array_api_strict.asarray(x)), "is 1.0 there"),
    (namespace(asarray=lambda x, device: None), "missing 1 required"),
])  # fmt: skip
def test_what_is_no_library_is_refused(library, what):
    with pytest.raises(BackendError, match=f"mine.*{what}") as caught:
        Standard("mine", library)
    assert caught.value.backend == "mine"


def test_functions_and_attributes_that_are_missing_are_named():
    class Old(Promise):
        mT = property()  # AttributeError

        def __array_namespace__(self, api_version=None):
            return namespace(**{name: None for name in dir(array_api_strict) if name not in ("vecdot", "tanh")})

    with pytest.raises(BackendError, match="lacks of the array-API standard: tanh, vecdot, `mT` of arrays") as caught:
        Standard("old", namespace(asarray=lambda x: Old()))
    assert caught.value.lacks == ["tanh", "vecdot", "`mT` of arrays"]


def test_an_older_standard_is_refused_where_a_function_is_not_in_it():
    model, message = dpa2.load(demo.MODEL), r"older cannot compute .*requires API version 2023.12"
    older = array_api_strict.ArrayAPIStrictFlags(api_version="2022.12")
    with pytest.raises(BackendError, match=message) as caught, older:
        on(model, Standard("older", array_api_strict)).evaluate(*WATER)
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_a_device_that_is_not_there_is_named():
    with pytest.raises(BackendError, match=r"strict cannot make an array on device 'moon': .*Unsupported device"):
        Standard("strict", array_api_strict, "moon")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_precisions_are_those_in_which_a_library_computes(dtype):
    library = Standard("strict", array_api_strict)
    assert library.precisions == ("float64", "float32")
    with pytest.raises(
        BackendError, match=f"strict has no {dtype} on .*CPU_DEVICE.*; use `dtype='float64'` or `dtype='float32'`"
    ):
        library.asarray(np.zeros(2), dtype)


def test_a_library_that_gives_float32_for_float64_is_not_believed():
    jax = pytest.importorskip("jax")
    with jax.enable_x64(False):
        library = Standard("mine", jax.numpy)
        assert library.wide() == "float32"
        with pytest.raises(BackendError, match=r"mine has no float64 on .*; use `dtype='float32'`"):
            on(dpa2.load(demo.MODEL), library)
        assert library.to_numpy(library.asarray(np.ones(2), "float32")).dtype == np.float32
        assert library.to_numpy(library.asarray(np.ones(2), "bfloat16")).dtype == np.float32


def test_memory_that_runs_out_is_not_explained_away():
    library = Standard("strict", array_api_strict)

    def hungry(x):
        raise MemoryError

    with pytest.raises(MemoryError):
        library.run(hungry, (), [1])


def test_it_is_pickled_as_the_name_of_its_module():
    for library in (Standard("strict", array_api_strict), Standard("strict", array_api_strict, FAR)):
        again = pickle.loads(pickle.dumps(library))
        assert (again.name, again.namespace, again.shape) == ("strict", array_api_strict, library.shape)
        assert (again.device, again.options) == (library.device, library.options)


def test_a_device_is_known_by_its_name():
    near, far = Standard("strict", array_api_strict), Standard("strict", array_api_strict, FAR)
    assert near.device != far.device
    for library in (near, far):
        again = Standard("strict", array_api_strict, library.device)
        assert again.asarray(np.zeros(1)).device == library.asarray(np.zeros(1)).device
