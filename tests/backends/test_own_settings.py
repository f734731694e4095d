"""Settings of libraries that users change for their own programs do not change what a model computes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack

import numpy as np
import pytest

import dpa2
from dpa2 import demo
from dpa2.errors import BackendError

WATER = [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], ["O", "H", "H"], None


def results(model) -> list[np.ndarray]:
    """Energy, forces, virial and per-atom virials of the structure of the demo, on the host."""
    structure = demo.structure()
    given = structure["coordinates"], structure["types"], structure["cell"]
    found = model.evaluate(*given, atom_virial=True)
    return [model.backend.to_numpy(x) for x in (found.energy, found.forces, found.virial, found.atom_virial)]


def of_water(model) -> list[np.ndarray]:
    """Energy and forces of a molecule, on the host."""
    found = model.evaluate(*WATER)
    return [model.backend.to_numpy(x) for x in (found.energy, found.forces)]


def same(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    """Whether arrays are equal to the bit."""
    return all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in zip(one, other, strict=True))


# PyTorch.

torch = pytest.importorskip("torch")


def default_dtype() -> Callable:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float16)
    return lambda: torch.set_default_dtype(before)


def default_device() -> Callable:
    torch.set_default_device("meta")
    return lambda: torch.set_default_device(None)


def rounded_products() -> Callable:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    return lambda: torch.set_float32_matmul_precision(before)


OF_TORCH = {
    "autocast to bfloat16": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "autocast to float16": lambda: torch.autocast("cpu", dtype=torch.float16),
    "no gradients": torch.no_grad,
    "inference": torch.inference_mode,
    "default precision": default_dtype,
    "default device": default_device,
    "rounded products": rounded_products,
}


def under(stack: ExitStack, setting: Callable) -> None:
    """Make a setting for as long as the stack is open: a context, or a function that returns what undoes it."""
    made = setting()
    if hasattr(made, "__enter__"):
        stack.enter_context(made)
    else:
        stack.callback(made)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("setting", OF_TORCH.values(), ids=OF_TORCH)
def test_settings_of_pytorch_change_no_bit(setting, dtype):
    model = dpa2.load(demo.MODEL, backend="torch", dtype=dtype)
    expected = results(model), model.hessian(*WATER)
    with ExitStack() as stack:
        under(stack, setting)
        again = dpa2.load(demo.MODEL, backend="torch", dtype=dtype)
        for found in (model, again):
            assert same(results(found), expected[0])
            assert torch.equal(found.hessian(*WATER), expected[1])
    assert torch.get_float32_matmul_precision() == "highest"


PRECISIONS = """
import sys, torch, dpa2
from dpa2 import demo
structure = demo.structure()
given = structure["coordinates"], structure["types"], structure["cell"]
water = [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], ["O", "H", "H"]
def results():
    model = dpa2.load(demo.MODEL, backend="torch", dtype="float32")
    return model.evaluate(*given).forces, model.hessian(*water)
expected = results()
place = eval(sys.argv[1])
place.fp32_precision = sys.argv[2]
assert all(map(torch.equal, results(), expected))
assert place.fp32_precision == sys.argv[2]
"""


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("torch.backends", "tf32"),
        ("torch.backends.cuda.matmul", "tf32"),
        ("torch.backends.mkldnn.matmul", "bf16"),
    ],
)
def test_precisions_of_single_libraries_of_pytorch_change_no_bit(place, value):
    if not hasattr(torch.backends.cuda.matmul, "fp32_precision"):
        pytest.skip("PyTorch before 2.9 has one precision for all")
    command = [sys.executable, "-c", PRECISIONS, place, value]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("setting", ["autocast to bfloat16", "rounded products", "default precision"])
def test_a_module_is_trained_in_its_own_precision(setting):
    model = dpa2.load(demo.MODEL, backend="torch", dtype="float32")
    module, prepared = model.as_module(), model.prepare_systems([WATER])

    def gradients(found) -> list:
        wanted = [*module.parameters()][:4]
        return [found.energy, found.forces, *torch.autograd.grad(found.forces.square().sum(), wanted)]

    expected = gradients(module(prepared)[0])
    with ExitStack() as stack:
        under(stack, OF_TORCH[setting])
        (found,) = module(prepared)  # as PyTorch recommends, gradients are taken outside of autocast
    assert all(map(torch.equal, gradients(found), expected))


def test_numbers_that_vanish_are_no_error_on_numpy():
    model = dpa2.load(demo.MODEL)
    expected = results(model)
    with np.errstate(all="raise"):
        assert same(results(model), expected)


# Paddle.


def paddle_in_half_precision(paddle) -> Callable:
    before = paddle.get_default_dtype()
    paddle.set_default_dtype("float16")
    return lambda: paddle.set_default_dtype(before)


OF_PADDLE = {  # autocast has no effect on a processor
    "no gradients": lambda paddle: paddle.no_grad(),
    "default precision": paddle_in_half_precision,
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("setting", OF_PADDLE.values(), ids=OF_PADDLE)
def test_settings_of_paddle_change_no_bit(setting, dtype):
    paddle = pytest.importorskip("paddle")
    model = dpa2.load(demo.MODEL, backend="paddle", dtype=dtype)
    expected = results(model), model.hessian(*WATER).numpy()
    with ExitStack() as stack:
        under(stack, lambda: setting(paddle))
        for found in (model, dpa2.load(demo.MODEL, backend="paddle", dtype=dtype)):
            assert same(results(found), expected[0])
            assert np.array_equal(found.hessian(*WATER).numpy(), expected[1])


def test_the_static_mode_of_paddle_is_refused_with_what_leaves_it():
    paddle = pytest.importorskip("paddle")
    model = dpa2.load(demo.MODEL, backend="paddle")
    paddle.enable_static()
    try:
        for evaluate in (lambda: of_water(model), lambda: dpa2.load(demo.MODEL, backend="paddle")):
            with pytest.raises(BackendError, match="static mode") as caught:
                evaluate()
            assert caught.value.hint == "paddle.disable_static()"
    finally:
        paddle.disable_static()
    assert len(of_water(model)) == 2


# JAX.


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("jax_numpy_rank_promotion", "raise"),
        ("jax_numpy_dtype_promotion", "strict"),
        ("jax_transfer_guard", "disallow"),
        ("jax_default_matmul_precision", "bfloat16"),
    ],
)
def test_settings_of_jax_change_no_bit_and_compile_nothing_again(jax_model, name, value):
    import jax

    from dpa2.backends.compiling import compiled
    from dpa2.descriptor import descriptor

    model, expected, shapes = jax_model
    before = getattr(jax.config, name)
    jax.config.update(name, value)
    try:
        assert same(of_water(model), expected)
    finally:
        jax.config.update(name, before)
    assert len(compiled(descriptor.advance, "cpu")) == shapes


@pytest.fixture(scope="module")
def jax_model():
    """A model on JAX, its results, and how many shapes of a layer they took."""
    pytest.importorskip("jax")
    from dpa2.backends.compiling import compiled
    from dpa2.descriptor import descriptor

    model = dpa2.load(demo.MODEL, backend="jax").to("jax", chunk=2)  # two chunks, which threads evaluate
    expected = of_water(model)
    return model, expected, len(compiled(descriptor.advance, "cpu"))


# The number of threads of matrix products, which is one for all threads of a process.


EIGHT_THREADS = """
from concurrent.futures import ThreadPoolExecutor
from threadpoolctl import threadpool_info
import dpa2
from dpa2 import demo
model, structure = dpa2.load(demo.MODEL).to("numpy", chunk=8), demo.structure()
def forces(_):
    return model.evaluate(structure["coordinates"], structure["types"], structure["cell"]).forces
def limits():
    return [library["num_threads"] for library in threadpool_info()]
before = limits()
with ThreadPoolExecutor(8) as pool:
    found = list(pool.map(forces, range(32)))
print(2 in before, before == limits(), all((one == found[0]).all() for one in found))
"""


def test_threads_that_evaluate_leave_matrix_products_as_they_were():
    """In a process of its own, whose matrix products have two threads; those of the tests have one."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "DPA2_THREADS")
    environment = os.environ | dict.fromkeys(names, "2")
    command = [sys.executable, "-c", EIGHT_THREADS]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.stdout.strip() == "True True True", done.stdout + done.stderr
