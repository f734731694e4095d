"""Sums in a fixed order: the same numbers, the same bits each time, and no operation that adds in any order."""

from __future__ import annotations

import pickle

import array_api_strict
import numpy as np
import pytest
from budgets import budget
from hypothesis import given
from hypothesis import strategies as st
from libraries import LIBRARIES, OTHERS, need
from references import moved
from strict import on

import dpa2
from dpa2.backends import backend
from dpa2.backends.row_sums import sum_into_rows, sum_unread
from dpa2.demo import MODEL
from dpa2.errors import BackendError

WATER = [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], ["O", "H", "H"]
FIXED = ("numpy", "torch", "jax")


@st.composite
def sums(draw):
    """Values, their rows and the number of rows, some of which have no values."""
    count, n = draw(st.integers(1, 5)), draw(st.integers(0, 20))
    rows = draw(st.lists(st.integers(0, count - 1), min_size=n, max_size=n))
    values = np.random.default_rng(draw(st.integers(0, 99))).normal(size=(n, 2)) * 10.0 ** draw(st.integers(0, 8))
    return values, np.array(rows, dtype=np.int64), count


@budget(100)
@given(sums())
def test_what_is_not_read_changes_no_sum(case):
    values, rows, count = case
    expected = np.zeros((count, 2))
    np.add.at(expected, rows, values)
    found = sum_unread(values, rows, count)
    assert np.array_equal(found, sum_into_rows(values, rows, count))
    assert np.abs(found - expected).max() <= 1e-14 * np.abs(values).sum(initial=1.0)
    strict = sum_unread(array_api_strict.asarray(values), array_api_strict.asarray(rows), count)
    assert np.array_equal(np.asarray(strict), found)


@budget(100)
@given(sums())
def test_the_bits_of_a_row_depend_on_its_own_values_alone(case):
    values, rows, count = case
    found = sum_unread(values, rows, count)
    for row in range(count):
        own = values[rows == row]
        assert np.array_equal(sum_unread(own, np.zeros(len(own), dtype=np.int64), 1)[0], found[row])


@pytest.mark.parametrize("name", OTHERS)
def test_sums_of_libraries_in_a_fixed_order_are_those_of_numpy(name):
    library = backend(name).with_fixed_order()
    rng = np.random.default_rng(2)
    values, rows = rng.normal(size=(500, 3)), rng.integers(0, 40, 500)
    found = library.to_numpy(library.sum_into_rows(library.asarray(values), library.asarray(rows), 41))
    expected = np.zeros((41, 3))
    np.add.at(expected, rows, values)
    assert np.abs(found - expected).max() <= 1e-13
    assert not found[40].any()


def results(model) -> list[np.ndarray]:
    box = dpa2.testing.water_box(8)
    found = model.evaluate(box, atom_virial=True)
    return [model.backend.to_numpy(x) for x in (found.energy, found.forces, found.virial, found.atom_virial)]


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_model_in_a_fixed_order_gives_the_same_results_and_the_same_bits_again(name):
    model = moved(dpa2.load(MODEL), name)
    fixed = torch_in_order() if name == "torch" else dpa2.load(MODEL).to(name, deterministic=True)
    assert fixed.backend.deterministic
    found = results(fixed)
    for one, other, expected in zip(found, results(fixed), results(model), strict=True):
        assert np.array_equal(one, other)
        assert np.abs(one - expected).max() <= 1e-13 * np.abs(expected).max()


def torch_in_order():
    """The model on PyTorch without the help of NumPy."""
    model = dpa2.load(MODEL).to("torch", deterministic=True)
    return on(model, model.backend.uncompiled())


def operations(model) -> set[str]:
    """The names of the operations of an evaluation on PyTorch."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Recorded(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            called.add(function._schema.name)
            return function(*args, **(kwargs or {}))

    called: set[str] = set()
    with Recorded():
        model.evaluate(*WATER, atom_virial=True)
    return called


def test_no_operation_of_pytorch_adds_in_any_order():
    torch = pytest.importorskip("torch")
    adding = {"aten::index_add", "aten::index_add_", "aten::scatter_add", "aten::index_put", "aten::index_put_"}
    assert operations(moved(dpa2.load(MODEL), "torch")) & adding == {"aten::index_add"}
    assert not operations(torch_in_order()) & adding
    assert not torch.are_deterministic_algorithms_enabled()


def test_no_operation_of_jax_adds_in_any_order():
    jax = pytest.importorskip("jax")
    programs = []
    for fixed in (False, True):
        model = dpa2.load(MODEL).to("jax", deterministic=fixed)
        weights, function = model.as_pytree()
        ready = model.prepare_systems([WATER])
        programs.append(str(jax.make_jaxpr(lambda w, f=function, r=ready: vars(f(w, r)[0])["forces"])(weights)))
    assert ["scatter-add" in program for program in programs] == [True, False]


def test_bits_do_not_depend_on_the_number_of_threads():
    bits = []
    for threads in (1, 2, 3):
        model = dpa2.load(MODEL)
        model.backend.threads = threads
        bits.append([x.tobytes() for x in results(model)])
    assert bits[0] == bits[1] == bits[2]


@pytest.mark.parametrize("name", FIXED)
def test_the_order_stays_with_a_model_until_it_is_changed(name):
    need(name)
    model = dpa2.load(MODEL).to(name, deterministic=True)
    for other in (pickle.loads(pickle.dumps(model)), model.to(dtype="float32"), model.to(chunk=4)):
        assert other.backend.deterministic
    assert model.backend.uncompiled().deterministic
    assert pickle.loads(pickle.dumps(model.backend)).deterministic
    assert model.to(deterministic=False).backend.deterministic == (name == "numpy")
    assert dpa2.load(MODEL).to(name).backend.deterministic == (name == "numpy")


def test_paddle_refuses_where_its_additions_have_no_order():
    need("paddle")
    library = backend("paddle")
    assert library.with_fixed_order().deterministic
    with pytest.raises(BackendError, match="no fixed order on gpu:0"):
        library.altered(device="gpu:0").with_fixed_order()
