"""Every pullback is the derivative of what it stands beside: automatic differentiation says so, and differences do."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import inspect
import pkgutil
import sys
from pathlib import Path

import numpy as np
import pytest
from budgets import budget
from hypothesis import assume, given
from hypothesis import strategies as st
from strict import on as on_library
from subjects import SUBJECTS, Subject
from tolerances import assert_close

import dpa2
from dpa2 import config, testing
from dpa2.backends import backend
from dpa2.backends.eager import Eager
from dpa2.batching.plan import ChunkShape
from dpa2.evaluation.forces import evaluate_prepared
from dpa2.nn.module import leaves, map_leaves
from dpa2.testing.strategies import SMOOTH_ACTIVATIONS

jax = pytest.importorskip("jax")
torch = pytest.importorskip("torch")

pytestmark = pytest.mark.filterwarnings("ignore::dpa2.TruncationWarning")  # lists are cut on purpose

STEP = 1e-3


@functools.cache
def library(name: str):
    return backend(name)


def on(name: str, tree):
    """A tree with the arrays of a library."""
    return map_leaves(lambda _, array: library(name).asarray(array), tree)


def rebuilt(tree, arrays: dict):
    """The tree with other arrays, by name."""
    return map_leaves(lambda name, _: arrays[name], tree)


def value(subject: Subject, fixed, arrays: dict) -> dict:
    """The outputs of a subject's forward pass by name."""
    return leaves(subject.run(fixed, rebuilt(subject.inputs, arrays))[0])


@functools.cache
def pulled_back(name: str):
    """A subject, random cotangents of its outputs, and what its pullback makes of them."""
    return differentiated(SUBJECTS[name]())


def differentiated(subject: Subject):
    rng = np.random.default_rng(3)
    outputs, pull = subject.run(subject.fixed, subject.inputs)
    cotangents = map_leaves(lambda _, y: rng.normal(size=y.shape), outputs)
    found, inputs = leaves(pull(cotangents)), leaves(subject.inputs)
    zeros = {name: np.zeros_like(x) for name, x in inputs.items()}
    assert found.keys() <= inputs.keys()
    return subject, leaves(cotangents), zeros | found


def assert_gradients(kind: str, found: dict, expected: dict):
    """Gradients of all inputs, on the scale of the largest."""
    scale = max(np.abs(x).max(initial=0.0) for x in expected.values())
    for name, wanted in expected.items():
        assert_close(kind, found[name], wanted, name or "gradient", scale=scale)


def gradients_by_torch(subject: Subject, cotangents: dict) -> dict:
    inputs = {n: torch.tensor(x, requires_grad=True) for n, x in leaves(subject.inputs).items()}
    outputs = value(subject, on("torch", subject.fixed), inputs)
    loss = sum((torch.tensor(cotangents[n]) * y).sum() for n, y in outputs.items())
    found = torch.autograd.grad(loss, list(inputs.values()), allow_unused=True)
    named = zip(inputs.items(), found, strict=True)
    return {n: np.zeros(tuple(x.shape)) if g is None else g.numpy() for (n, x), g in named}


def gradients_by_jax(subject: Subject, cotangents: dict) -> dict:
    fixed = on("jax", subject.fixed)

    @jax.jit
    def gradients(arrays):
        outputs, pull = jax.vjp(lambda arrays: value(subject, fixed, arrays), arrays)
        return pull({name: jax.numpy.asarray(cotangents[name]) for name in outputs})[0]

    return {name: np.asarray(g) for name, g in gradients(leaves(on("jax", subject.inputs))).items()}


def functions_with_pullbacks() -> dict:
    """Every function and method `vjp` or `*_vjp` of the core, by its code."""
    found = {}
    for folder in ("nn", "descriptor", "fitting"):
        for info in pkgutil.iter_modules([str(Path(dpa2.__file__).parent / folder)]):
            module = importlib.import_module(f"dpa2.{folder}.{info.name}")
            for owner in [module, *(c for c in vars(module).values() if inspect.isclass(c))]:
                for name, function in vars(owner).items():
                    if name.endswith("vjp") and inspect.isfunction(function):
                        found[function.__code__] = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}"
    return found


def test_every_function_with_a_pullback_is_tested():
    """Whoever adds a module adds a subject; terms of a layer become subjects by themselves."""
    called = set()
    sys.setprofile(lambda frame, event, _: called.add(frame.f_code) if event == "call" else None)
    try:
        for make in SUBJECTS.values():
            subject = make()
            subject.run(subject.fixed, subject.inputs)
    finally:
        sys.setprofile(None)
    abstract = {"term.Term.vjp", "readout.Readout.vjp"}
    whole = {
        "descriptor.DescriptorProgram.vjp",
        "descriptor.DescriptorProgram.layers_vjp",
        "descriptor.initial_vjp",
        "descriptor.layer_vjp",
        "descriptor.layer_of_edges_vjp",
        "atomic_model.AtomicProgram.vjp",
    }
    missing = {name for code, name in functions_with_pullbacks().items() if code not in called}
    assert missing - abstract == whole, "a subject is missing; whole models cover the rest"


@pytest.mark.parametrize("name", SUBJECTS)
def test_pullback_is_what_torch_differentiates_the_block_to(name):
    subject, cotangents, found = pulled_back(name)
    assert_gradients("pullback", found, gradients_by_torch(subject, cotangents))


@pytest.mark.parametrize("name", SUBJECTS)
def test_pullback_is_what_jax_differentiates_the_block_to(name):
    subject, cotangents, found = pulled_back(name)
    assert_gradients("pullback", found, gradients_by_jax(subject, cotangents))


@pytest.mark.parametrize("name", SUBJECTS)
def test_pullback_is_what_differences_of_the_block_tend_to(name):
    subject, cotangents, found = pulled_back(name)
    rng, inputs = np.random.default_rng(11), leaves(subject.inputs)
    for place, x in inputs.items():
        direction = rng.normal(size=x.shape)
        slope = differences(subject, cotangents, inputs, place, direction)
        assert_close("differences", np.sum(found[place] * direction), slope, place, scale=1.0)


def differences(subject: Subject, cotangents: dict, inputs: dict, place: str, direction) -> float:
    """The slope of Σ cotangents · outputs along a direction of one input, of fourth order."""

    def at(step):
        moved = inputs | {place: inputs[place] + step * STEP * direction}
        outputs = value(subject, subject.fixed, moved)
        return sum(np.sum(cotangents[n] * y) for n, y in outputs.items())

    return (8.0 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12.0 * STEP)


# Whole models: the edges of every block are the inputs. Blocks are small, so that there are several.


def descriptor_subject(model, system) -> Subject:
    """The final features of every block, as functions of edges."""
    ready = small_blocks(model, system)

    def run(fixed, inputs):
        program, blocks = fixed
        return program.vjp(moved(blocks, inputs), Eager())

    return Subject((model.program.descriptor, ready.chunks), vectors(ready), run)


def energy_subject(model, system) -> Subject:
    """The energies of every block's atoms, as functions of edges."""
    ready = small_blocks(model, system)

    def run(fixed, inputs):
        program, blocks, others = fixed
        return program.vjp(moved(blocks, inputs), others, Eager())

    return Subject((model.program, ready.chunks, ready.inputs), vectors(ready), run)


def small_blocks(model, system):
    model = on_library(model, model.backend.with_shape(ChunkShape(size=3)))
    return model.prepare_systems([system], neighbors="truncate")


def vectors(ready) -> tuple:
    return tuple(block.vectors for block in ready.chunks)


def moved(blocks, inputs) -> tuple:
    return tuple(dataclasses.replace(b, vectors=v) for b, v in zip(blocks, inputs, strict=True))


WHOLES = {"descriptor": descriptor_subject, "energy": energy_subject}
seeds = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize("whole", WHOLES)
@budget(25)
@given(testing.configurations(), testing.systems(types=1), seeds)
def test_pullback_of_any_model_is_what_torch_differentiates_it_to(whole, config, system, seed):
    model = testing.perturbed_model(config, seed % 1000, statistics="any")
    system = dataclasses.replace(system, types=retyped(system, config, seed))
    subject, cotangents, found = differentiated(WHOLES[whole](model, system))
    assert_gradients("deep pullback", found, gradients_by_torch(subject, cotangents))


def retyped(system, config, seed: int) -> np.ndarray:
    """Types drawn from all that a configuration knows, virtual ones included."""
    choices = np.append(np.repeat(np.arange(len(config.types)), 3), -1)
    return np.random.default_rng(seed).choice(choices, len(system.types))


EVERYTHING = {
    "smooth": testing.small_config(),
    "counted": testing.small_config(smooth=False),
    "attention": testing.small_config(
        repinit=config.Repinit(
            cutoff=4.0, inner_cutoff=1.2, max_neighbors=60, widths=(4, 8), axis=3, type_dim=5, type_input="strip",
            attention=config.NeighborAttention(layers=2, dim=5),
        )
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EVERYTHING)
def test_pullback_of_an_energy_model_is_what_jax_differentiates_it_to(name):
    system = testing.random_system(np.random.default_rng(1), 3, 2, periodic=True)
    made = energy_subject(testing.perturbed_model(EVERYTHING[name]), system)
    subject, cotangents, found = differentiated(made)
    assert_gradients("deep pullback", found, gradients_by_jax(subject, cotangents))


@budget(15)
@given(testing.configurations(activations=SMOOTH_ACTIVATIONS), testing.systems(types=1, atoms=(2, 5)), seeds)
def test_gradient_of_a_loss_of_forces_with_respect_to_weights_is_exact(config, system, seed):
    """The pullback is itself differentiable, so models can be trained on forces."""
    model = testing.perturbed_model(config, seed % 1000, backend="torch")
    view, ready = model.as_module(), model.prepare_systems([system])
    trainable = {n: p for n, p in view.named_parameters() if p.requires_grad}
    assume(trainable)
    way = {n: np.random.default_rng(seed).normal(size=tuple(p.shape)) for n, p in trainable.items()}
    loss_of_forces(view(ready)[0]).backward()
    gradients = {n: np.zeros_like(way[n]) if p.grad is None else p.grad.numpy() for n, p in trainable.items()}
    found = sum(np.sum(gradients[n] * way[n]) for n in way)
    scale = sum(np.sum(gradients[n] ** 2) for n in way) ** 0.5

    def loss(step: float) -> float:
        weights = {n: w.numpy() + step * way.get(n, 0.0) for n, w in leaves(model.weights).items()}
        program = map_leaves(lambda name, _: weights[name], model.to("numpy").weights).fold()
        numpy = backend("numpy")
        host = model.to("numpy").prepare_systems([system])
        return float(loss_of_forces(evaluate_prepared(program, numpy, host, False)[0]))

    h = 1e-4
    expected = (8.0 * (loss(h) - loss(-h)) - (loss(2 * h) - loss(-2 * h))) / (12.0 * h)
    assert_close("weight differences", found, expected, "slope of the loss", scale=scale)


def loss_of_forces(result):
    return (result.forces**2).sum() + (result.virial**2).sum()
