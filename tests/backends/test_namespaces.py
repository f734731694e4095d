"""The functions of the array-API standard, for libraries whose arrays do not carry them."""

from __future__ import annotations

import ast
import inspect
from importlib import import_module
from pathlib import Path

import array_api_strict
import numpy as np
import pytest
from libraries import need

import dpa2
from dpa2.backends import BACKENDS, backend
from dpa2.backends.requirements import FUNCTIONS
from dpa2.nn.arrays import NAMESPACES, array_namespace

PACKAGE = Path(dpa2.__file__).parent
CORE = ("nn", "descriptor", "fitting", "evaluation")
CARRIED = [name for name, entry in BACKENDS.items() if entry.namespace]


def used(*places: str) -> set[str]:
    """The functions and dtypes of the standard that the core names; or that some other files do."""
    found = set()
    for path in (
        path for place in places or tuple(f"{folder}/*.py" for folder in CORE) for path in PACKAGE.glob(place)
    ):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and is_namespace(node.value):
                found.add(node.attr)
    return found


def is_namespace(node: ast.expr) -> bool:
    """Whether an expression is `xp` or `array_namespace(...)`."""
    name = node.func if isinstance(node, ast.Call) else node
    return isinstance(name, ast.Name) and name.id in ("xp", "array_namespace")


def test_the_core_uses_few_functions_and_all_are_of_the_standard():
    assert 25 <= len(used()) <= 35
    assert used() <= set(dir(array_api_strict))


def test_every_array_of_the_core_is_made_of_others_and_so_on_their_device():
    assert not used() & {"arange", "empty", "eye", "full", "linspace", "ones", "zeros"}


def test_what_is_asked_of_a_registered_library_is_what_is_used():
    assert set(FUNCTIONS) == used() | used("backends/row_sums.py", "neighbors/cells.py", "neighbors/cell_list.py")
    assert sorted(FUNCTIONS) == FUNCTIONS


@pytest.mark.parametrize("name", CARRIED)
def test_the_table_has_a_namespace_with_all_that_the_core_uses(name):
    need(name)
    namespace = array_namespace(backend(name).asarray(np.zeros(2)))
    assert namespace is import_module(NAMESPACES[BACKENDS[name].package])
    assert used() <= set(dir(namespace))


def test_an_array_of_an_unknown_library_is_refused_by_its_class():
    with pytest.raises(TypeError, match="list"):
        array_namespace([1.0])


X = np.array([[1.5, -2.0, 0.25], [0.5, 3.0, -1e250]])
CALLS = {
    "clip": lambda xp, x: xp.clip(x, -1.0, 2.0),
    "clip from below": lambda xp, x: xp.clip(1e50 * x, 0.0, None),
    "clip from above": lambda xp, x: xp.clip(1e8 * x, None, 1.0),
    "take rows": lambda xp, x: xp.take(x, xp.astype(xp.sum(xp.zeros_like(x), axis=1), xp.int64), axis=0),
    "take columns": lambda xp, x: xp.take(x, xp.astype(xp.ones_like(x[0, :]), xp.int64), axis=1),
    "cumulative sum": lambda xp, x: xp.cumulative_sum(x, axis=1),
    "cumulative sum of a vector": lambda xp, x: xp.cumulative_sum(x[0, :]),
    "scalar products": lambda xp, x: xp.vecdot(x, xp.ones_like(x)),
    "sum": lambda xp, x: xp.sum(x, axis=(0, 1)),
    "sum that keeps axes": lambda xp, x: xp.sum(x, axis=-1, keepdims=True),
    "mean": lambda xp, x: xp.mean(x, axis=-1, keepdims=True),
    "max": lambda xp, x: xp.max(x, axis=0),
    "max that keeps axes": lambda xp, x: xp.max(x, axis=1, keepdims=True),
    "min": lambda xp, x: xp.min(x),
    "axes": lambda xp, x: xp.permute_dims(x[None, ...], (2, 0, 1)),
    "where": lambda xp, x: xp.where(x > 0.0, x, xp.zeros_like(x)),
    "broadcast": lambda xp, x: xp.broadcast_to(xp.ones_like(x[:1, 0]), (4,)),
    "stack": lambda xp, x: xp.stack([x, x], axis=-1),
    "unstack": lambda xp, x: xp.unstack(x, axis=1)[2],
    "concat": lambda xp, x: xp.concat([x, x[:0, :]]),
    "numbers": lambda xp, x: xp.asarray([0.1, 2.0], dtype=x.dtype, device=x.device),
}  # fmt: skip


@pytest.mark.parametrize("name", CARRIED)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_functions_do_what_the_standard_says(name, call):
    need(name)
    library = backend(name)
    x = library.asarray(X)
    found = library.to_numpy(call(array_namespace(x), x))
    expected = np.asarray(call(array_api_strict, array_api_strict.asarray(X)))
    assert found.dtype == expected.dtype
    assert np.array_equal(found, expected)


def test_the_classes_of_paddle_stay_as_they_are():
    paddle = pytest.importorskip("paddle")
    backend("paddle")
    assert not hasattr(paddle.Tensor, "__array_namespace__")
    assert "dpa2" not in {inspect.getmodule(member).__name__.partition(".")[0]
                          for _, member in inspect.getmembers(paddle.Tensor, inspect.isfunction)}  # fmt: skip
