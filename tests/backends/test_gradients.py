"""PyTorch's functions of the array-API standard keep gradients, or the back end is refused."""

from __future__ import annotations

import types

import pytest

torch = pytest.importorskip("torch")

from dpa2.backends.gradients import lost_gradients  # noqa: E402
from dpa2.nn.arrays import array_namespace  # noqa: E402


def test_the_installed_functions_keep_gradients():
    assert lost_gradients(array_namespace(torch.empty(0))) == []


@pytest.mark.parametrize("name", ["sum", "clip", "astype", "permute_dims"])
def test_each_function_that_loses_gradients_is_named(name):
    kept = array_namespace(torch.empty(0))

    def losing(x, *arguments, **options):
        return getattr(kept, name)(x.detach(), *arguments, **options)

    functions = {n: getattr(kept, n) for n in ("sum", "clip", "astype", "permute_dims")} | {name: losing}
    assert lost_gradients(types.SimpleNamespace(**functions)) == [name]


def test_a_gradient_of_half_the_size_is_lost_too():
    kept = array_namespace(torch.empty(0))
    functions = {n: getattr(kept, n) for n in ("sum", "clip", "astype", "permute_dims")}
    halved = functions | {"sum": lambda x, **options: kept.sum(0.5 * x + 0.5 * x.detach(), **options)}
    assert lost_gradients(types.SimpleNamespace(**halved)) == ["sum"]
