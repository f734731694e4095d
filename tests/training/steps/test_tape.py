"""A tape goes back through a program over chunks that it has seen once."""

from __future__ import annotations

import numpy as np
import pytest

import dpa2
from dpa2.backends.differentiation import differentiation
from dpa2.nn.flat import flattened, refilled
from dpa2.training.steps.tape import Node, Tape


def product(weight, x):
    """A function of a chunk: one result depends on the weight, the other does not."""
    return weight * x * x, x + 1.0


def near(atoms, x):
    """A function of a chunk that sees the rows of all chunks."""
    return x * atoms[:1]


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_derivatives_by_shared_arrays_are_sums_over_chunks(library):
    """Σ over chunks of w x², then times its first row overall: by hand, with w = 3 and x = 2, 5."""
    pytest.importorskip(library)
    backend = dpa2.backends.backend(library)
    tape = Tape(differentiation(backend))
    weight = Node(backend.asarray(np.array([3.0])))
    parts = [Node(backend.asarray(np.array([x])), tracked=False) for x in (2.0, 5.0)]
    squares = [first for first, _ in tape.run(product, (weight,), parts)]
    whole = tape.joiner()(squares)
    assert backend.to_numpy(whole.value).tolist() == [12.0, 75.0]
    results = tape.run(near, (whole,), squares)  # (w x²)(w 2²)
    for result in results:
        result.add(backend.asarray(np.array([1.0])), None)
    tape.go_back()
    assert backend.to_numpy(weight.by_value).tolist() == [2.0 * 3.0 * (4.0 * 4.0 + 25.0 * 4.0)]


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_what_depends_on_nothing_tracked_is_not_tracked(library):
    pytest.importorskip(library)
    backend = dpa2.backends.backend(library)
    tape = Tape(differentiation(backend))
    weight, x = Node(backend.asarray(np.array([3.0]))), Node(backend.asarray(np.array([2.0])), tracked=False)
    ((first, second),) = tape.run(product, (weight,), [x])
    assert (first.tracked, second.tracked) == (True, False)


def test_derivatives_go_forward_on_jax():
    pytest.importorskip("jax")
    backend = dpa2.backends.backend("jax")
    tape = Tape(differentiation(backend))
    weight = Node(backend.asarray(np.array([3.0])))
    x = Node(backend.asarray(np.array([2.0])), backend.asarray(np.array([1.0])), tracked=False)
    ((first, _),) = tape.run(product, (weight,), [x])
    assert backend.to_numpy(first.change).tolist() == [3.0 * 2.0 * 2.0]
    first.add(None, backend.asarray(np.array([1.0])))
    tape.go_back()
    assert backend.to_numpy(weight.by_value).tolist() == [2.0 * 2.0]  # ∂/∂w of 2 w x


def test_trees_are_their_leaves_in_order():
    model = dpa2.load(dpa2.demo.MODEL)
    leaves = flattened(model.weights)
    assert all(a is b for a, b in zip(leaves, model.state_dict().values(), strict=True))
    doubled = refilled((model.weights, None, 1), [2 * x for x in (*leaves, 1)])
    assert (doubled[0].bias == 2 * model.weights.bias).all()
    assert doubled[1:] == (None, 2)
