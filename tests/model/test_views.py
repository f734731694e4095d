"""The weights as a `torch.nn.Module` and as a JAX pytree: gradients through energies and through forces."""

from __future__ import annotations

import numpy as np
import pytest
from references import DATA, frames

import dpa2
from dpa2 import demo
from dpa2.errors import BackendError, InputError
from dpa2.nn.module import leaves

jax = pytest.importorskip("jax")
torch = pytest.importorskip("torch")

PAIR = [[0, 0, 0], [0.96, 0, 0]], ["O", "H"]
CASE = DATA / "cases" / "base.dp"
NAME = "descriptor.repformer.layers.0.local_attention.query"


@pytest.fixture(scope="module")
def cluster():
    return frames("base")[3].system


def loss(evaluation):
    return (evaluation.forces**2).sum() + evaluation.energy


@pytest.fixture(scope="module")
def module(cluster):
    model = dpa2.load(CASE, backend="torch")
    return model.as_module(), model.prepare_systems([cluster])


@pytest.fixture(scope="module")
def gradients(module):
    view, ready = module
    loss(view(ready)[0]).backward()
    return {name: p.grad for name, p in view.named_parameters()}


def test_module_evaluates_as_the_model_does(module, cluster):
    view, ready = module
    with torch.no_grad():
        found = view(ready)[0]
    expected = dpa2.load(CASE).evaluate(cluster.coordinates, cluster.types)
    assert abs(float(found.energy) - expected.energy) < 1e-12
    assert np.abs(found.forces.numpy() - expected.forces).max() < 1e-13


def test_state_dict_has_the_canonical_names(module):
    view, _ = module
    assert set(view.state_dict()) == set(leaves(dpa2.load(CASE).weights))


def test_every_parameter_has_a_gradient_and_statistics_have_none(gradients):
    assert all(g is not None and bool(torch.isfinite(g).all()) for g in gradients.values())
    assert NAME in gradients
    assert not any(name.endswith((".mean", ".std")) or name == "bias" for name in gradients)


@pytest.mark.parametrize("name", [NAME, "descriptor.repinit.embedding.layers.0.weight", "fitting.layers.1.bias"])
def test_gradient_of_a_force_loss_is_its_slope(module, gradients, name):
    view, ready = module
    parameter = dict(view.named_parameters())[name]
    place, h, values = (0,) * parameter.ndim, 1e-4, []
    for sign in (1, -1):
        with torch.no_grad():
            parameter[place] += sign * h
            values.append(float(loss(view(ready)[0])))
            parameter[place] -= sign * h
    slope = (values[0] - values[1]) / (2 * h)
    scale = float(gradients[name].abs().max())
    assert abs(slope - float(gradients[name][place])) <= 1e-6 * max(scale, 1e-3)


def test_pytree_gradients_are_the_modules(gradients, cluster):
    model = dpa2.load(CASE, backend="jax")
    weights, evaluate = model.as_pytree()
    ready = model.prepare_systems([cluster])
    found = leaves(jax.jit(jax.grad(lambda w: loss(evaluate(w, ready)[0])))(weights))
    for name, expected in gradients.items():
        error = np.abs(np.asarray(found[name]) - expected.numpy()).max()
        assert error <= 1e-11 * max(float(expected.abs().max()), 1e-3), name


def test_views_of_a_model_elsewhere_are_refused_by_name():
    model = dpa2.load(CASE)
    with pytest.raises(BackendError, match="to\\('torch'\\)"):
        model.as_module()
    with pytest.raises(BackendError, match="to\\('jax'\\)"):
        model.as_pytree()


def evaluators(library: str):
    """A model on a library, and the function of prepared systems that its view is."""
    model = dpa2.load(demo.MODEL, backend=library)
    if library == "torch":
        return model, model.as_module()
    weights, evaluate = model.as_pytree()
    return model, lambda prepared: evaluate(weights, prepared)


FOREIGN = [
    (view, other, dtype)
    for view in ("torch", "jax")
    for other in ("numpy", "torch", "jax")
    for dtype in ("float64", "float32")
    if (other, dtype) != (view, "float64")
]


@pytest.mark.parametrize(("library", "other", "dtype"), FOREIGN)
def test_systems_prepared_for_another_library_or_precision_are_refused_by_name(library, other, dtype):
    model, evaluate = evaluators(library)
    prepared = model.to(other, dtype=dtype).prepare_systems([PAIR])
    message = f"prepared for {other} {dtype}.* the view is of {library} float64.*model.prepare_systems"
    with pytest.raises(BackendError, match=message) as caught:
        evaluate(prepared)
    assert caught.value.backend == library


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_systems_that_were_not_prepared_for_such_a_model_are_refused(library):
    _, evaluate = evaluators(library)
    for given in ([PAIR], PAIR, None):
        with pytest.raises(InputError, match=r"are not prepared; systems = model\.prepare_systems"):
            evaluate(given)
    with pytest.raises(InputError, match="other cutoffs"):
        evaluate(dpa2.load(CASE, backend=library).prepare_systems([([[0, 0, 0], [0, 0, 1.1]], [0, 1])]))
