"""What is computed in which precision (specification section 14)."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
from libraries import LIBRARIES
from strict import on

import dpa2
from dpa2 import demo
from dpa2.batching.plan import LISTS
from dpa2.errors import BackendError, ConfigurationError

# Largest error of forces relative to the largest force: the unit roundoff, amplified some ten times by cancellation.
FORCES = {"float32": 1e-5, "float16": 5e-2, "bfloat16": 3e-1}
# Error of the energy per atom, eV: roundoff of network outputs of order 1.
ENERGY = {"float32": 1e-6, "float16": 1e-2, "bfloat16": 1e-1}

LACKING = {"numpy": {"bfloat16"}, "paddle": {"float16", "bfloat16"}}  # precisions that libraries lack on a processor


@pytest.fixture(scope="module")
def exact():
    return evaluate(dpa2.load(demo.MODEL))


def evaluate(model):
    box = demo.structure()
    return model.evaluate(box["coordinates"], box["types"], box["cell"])


def load(library: str, dtype: str) -> dpa2.Model:
    """The demonstration's model; on JAX with one chunk for all atoms, so that each function is compiled once."""
    model = dpa2.load(demo.MODEL, backend=library, dtype=dtype)
    if library != "jax":
        return model
    atoms = len(demo.structure()["types"])
    whole = dataclasses.replace(model.backend.shape, size=atoms, uniform=LISTS, filled=True, width_cache=None)
    return on(model, model.backend.with_shape(whole))


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("dtype", FORCES)
def test_lower_precision_is_as_good_as_it_can_be(library, dtype, exact):
    if dtype in LACKING.get(library, ()):
        with pytest.raises(BackendError, match=dtype) as caught:
            dpa2.load(demo.MODEL, backend=library, dtype=dtype)
        assert (caught.value.backend, caught.value.hint) == (library, "float32")
        return
    model = load(library, dtype)
    found = evaluate(model)
    forces = model.backend.to_numpy(found.forces)
    assert np.abs(forces - exact.forces).max() <= FORCES[dtype] * np.abs(exact.forces).max()
    assert abs(float(found.energy) - float(exact.energy)) <= ENERGY[dtype] * len(forces)


def test_shares_of_the_virial_are_as_good_as_forces():
    """Coordinates of several Å weigh what cancels, so they may lose a little more."""
    box = demo.structure()
    arguments = box["coordinates"], box["types"], box["cell"]
    models = (dpa2.load(demo.MODEL, dtype=dtype) for dtype in ("float64", "float32"))
    exact, found = (m.evaluate(*arguments, atom_virial=True).atom_virial for m in models)
    assert found.dtype == np.float64
    assert 0 < np.abs(found - exact).max() <= 2 * FORCES["float32"] * np.abs(exact).max()


def test_a_double_model_is_never_evaluated_in_single_precision():
    jax = pytest.importorskip("jax")
    model = dpa2.load(demo.MODEL, backend="jax")
    with jax.enable_x64(False), pytest.raises(BackendError, match="JAX_ENABLE_X64"):
        evaluate(model)


@pytest.mark.parametrize("library", LIBRARIES)
def test_energies_and_sums_are_double_whatever_the_model(library):
    """The bias of -187 eV would lose 1e-5 eV per atom in single precision."""
    model = load(library, "float32")
    found = evaluate(model)
    for array in (found.energy, found.forces, found.virial, found.atom_energy):
        assert str(array.dtype).endswith("float64")
    assert str(model.program.head.readout.bias.dtype).endswith("float64")
    assert str(model.program.head.fitting.output.weight.dtype).endswith("float32")


def test_descriptor_and_fitting_net_have_precisions_of_their_own():
    whole = dpa2.load(demo.MODEL).checkpoint()
    config = dataclasses.replace(whole.config, dtype="float32")
    weights = {n: w.astype("float32") if n.startswith("descriptor.") else w for n, w in whole.weights.items()}
    model = dpa2.Model.from_checkpoint(dataclasses.replace(whole, config=config, weights=weights))
    assert model.program.head.fitting.output.weight.dtype == np.float64
    assert model.program.descriptor.steps[0].updates[0].linear.weight.dtype == np.float32
    assert abs(float(evaluate(model).energy) - float(evaluate(dpa2.load(demo.MODEL)).energy)) < 1e-4


def test_an_unknown_precision_is_refused_by_name():
    with pytest.raises(ConfigurationError, match="float8"):
        dpa2.load(demo.MODEL, dtype="float8")


@pytest.mark.parametrize("compiled", [True, False])
def test_jax_does_not_round_factors_of_products(compiled):
    """On a GPU, JAX would take float32 factors with 10 bits, and forces would be wrong by 2e-3."""
    jax = pytest.importorskip("jax")
    model = dpa2.load(demo.MODEL, backend="jax", dtype="float32")
    backend = model.backend if compiled else model.backend.uncompiled()
    ready = model.prepare_systems([dpa2.System([[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], ["O", "H", "H"])])
    program = str(jax.make_jaxpr(lambda blocks: backend_energies(model, backend, ready, blocks))(ready.chunks))
    exact = re.findall(r"precision=\(Precision.HIGHEST, Precision.HIGHEST\)", program)
    assert len(exact) == program.count("dot_general[") > 10


def backend_energies(model, backend, ready, blocks):
    """Energies and what they pull back to."""
    energies, pull = model.program.vjp(blocks, ready.inputs, backend)
    return energies, pull([i.real * 0.0 + 1.0 for i in ready.inputs])
