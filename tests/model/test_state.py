"""Weights that go out to a training and come back, and models on other places and in other precisions."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from libraries import OTHERS

import dpa2
from dpa2 import demo
from dpa2.errors import BackendError, ConfigurationError, FormatError, InputError

WATER = [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], ["O", "H", "H"]
MODEL = dpa2.load(demo.MODEL)


def energy(model) -> float:
    return float(model.backend.to_numpy(model.evaluate(*WATER).energy))


def test_a_torch_module_that_trains_on_does_not_change_a_model_made_of_its_state():
    torch = pytest.importorskip("torch")
    model = MODEL.to("torch")
    module = model.as_module()
    kept = model.with_state(module.state_dict())
    before = energy(kept)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1)
    assert energy(copy.deepcopy(kept)) == energy(kept) == before
    assert energy(model.with_state(module.state_dict())) != pytest.approx(before, abs=1e-6)


def test_state_is_rounded_to_the_precision_of_the_model_and_of_its_library():
    torch = pytest.importorskip("torch")
    single = {name: torch.tensor(array, dtype=torch.float32) for name, array in MODEL.state_dict().items()}
    model = MODEL.to("torch").with_state(single)
    assert {x.dtype for x in model.state_dict().values()} == {torch.float64}
    assert energy(model) == pytest.approx(energy(MODEL), abs=1e-3)
    again = MODEL.to("torch", dtype="bfloat16")
    assert all(torch.equal(a, b) for a, b in zip(
        again.state_dict().values(), again.with_state(again.state_dict()).state_dict().values(), strict=True
    ))  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_numpy_arrays_are_a_state_on_any_library(name):
    state = {key: np.array(array) for key, array in MODEL.state_dict().items()}
    model = MODEL.to(name).with_state(state)
    before = energy(model)
    for array in state.values():
        array[...] = 0.0
    assert energy(model) == before == pytest.approx(energy(MODEL), rel=1e-14)


@pytest.mark.parametrize("state", [None, 3, [1, 2], "file"])
def test_what_is_no_state_is_refused(state):
    with pytest.raises(InputError, match="arrays by their names"):
        MODEL.with_state(state)


def test_a_missing_tensor_is_named_without_a_file():
    with pytest.raises(FormatError, match=r"^tensor descriptor\.") as caught:
        MODEL.with_state({})
    assert caught.value.tensor


def test_a_module_that_was_cast_is_refused_by_name():
    torch = pytest.importorskip("torch")
    model = MODEL.to("torch")
    module = model.as_module().to(torch.float32)
    with pytest.raises(BackendError, match=r"model\.to\('torch', dtype="):
        module(model.prepare_systems([WATER]))


@pytest.fixture
def jax():
    return pytest.importorskip("jax")


def test_a_trained_pytree_makes_a_model(jax):
    model = MODEL.to("jax")
    weights, function = model.as_pytree()
    prepared = model.prepare_systems([WATER])
    slope = jax.grad(lambda w: function(w, prepared)[0].energy)(weights)
    trained = jax.tree.map(lambda w, g: w - 1e-3 * g, weights, slope)
    again = model.with_state(trained)
    assert energy(again) == pytest.approx(float(function(trained, prepared)[0].energy), rel=1e-13)
    assert energy(again) < energy(model)


def test_a_step_that_takes_its_own_results_is_compiled_once(jax):
    """Arrays bound to a device make JAX compile again, for a counter that was not bound before the first step."""
    model = MODEL.to("jax")
    weights, function = model.as_pytree()
    prepared = model.prepare_systems([WATER])

    @jax.jit
    def step(weights, count):
        value, slope = jax.value_and_grad(lambda w: function(w, prepared)[0].energy)(weights)
        return jax.tree.map(lambda w, g: w - 1e-6 / count * g, weights, slope), count + 1, value

    count, values = jax.numpy.asarray(1), []
    for _ in range(3):
        weights, count, value = step(weights, count)
        values.append(float(value))
    assert values[0] > values[1] > values[2]
    assert step._cache_size() == 1


def names(dtype) -> dict[str, object]:
    """All spellings of a precision in the libraries that are installed."""
    found = {"text": dtype}
    if dtype != "bfloat16":
        found |= {"class": getattr(np, dtype), "dtype": np.dtype(dtype)}
    for library in ("torch", "jax.numpy", "paddle"):
        try:
            module = pytest.importorskip(library)
        except pytest.skip.Exception:
            continue
        found[library] = getattr(module, dtype)
    return found


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_dtypes_of_all_libraries_name_a_precision(dtype, tmp_path):
    for spelling in names(dtype).values():
        assert dpa2.convert(demo.MODEL, tmp_path / "m.dp", dtype=spelling, overwrite=True)
        assert dpa2.load(tmp_path / "m.dp", backend="torch").config.dtype == dtype
        assert dpa2.load(demo.MODEL, backend="torch", dtype=spelling).config.dtype == dtype
        assert MODEL.to("torch", dtype=spelling).config.fitting.dtype == dtype


@pytest.mark.parametrize("dtype", ["fp32", np.int32, "float33", 3, object()])
def test_what_is_no_precision_is_refused(dtype):
    with pytest.raises(ConfigurationError, match="must be one of float64, float32"):
        MODEL.to("numpy", dtype=dtype)


def test_another_precision_or_chunk_needs_no_name_of_a_library():
    model = MODEL.to("torch").to(dtype="float32")
    assert (model.backend.name, model.config.dtype) == ("torch", "float32")
    assert MODEL.to(chunk=7).backend.shape.size == 7
    with pytest.raises(BackendError, match="no device 'cuda'"):
        MODEL.to(device="cuda")


def test_the_cutoff_is_that_of_the_longest_list():
    assert MODEL.cutoff == MODEL.config.repinit.cutoff == 3.2


WEIGHT, STD = "fitting.layers.0.weight", "descriptor.repinit.environment.std"


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (WEIGHT, lambda x: x * np.nan, "no finite number"),
        (WEIGHT, lambda x: x + np.inf, "no finite number"),
        (STD, lambda x: x * 0.0, "nothing can be divided"),
        (WEIGHT, lambda x: x + 1j, "real numbers"),
        (WEIGHT, lambda x: x.astype(str), "real numbers"),
        (WEIGHT, lambda x: np.ma.array(x, mask=True), "masked"),
    ],
)
def test_a_state_that_gives_no_energies_is_refused(name, change, message):
    model = dpa2.load(demo.MODEL)
    state = model.state_dict()
    with pytest.raises((FormatError, InputError), match=message):
        model.with_state(state | {name: change(state[name])})


@pytest.mark.parametrize("seed", [-1, "one", 1.5, None, True])
def test_a_seed_that_is_no_number_is_refused(seed):
    with pytest.raises(InputError, match="seed"):
        dpa2.build(dpa2.load(demo.MODEL).config, seed=seed)


def test_what_is_no_configuration_is_not_built():
    with pytest.raises(InputError, match="config"):
        dpa2.build("input.json")
