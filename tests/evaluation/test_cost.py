"""What an evaluation costs, counted and not timed: multiplications in products of matrices, and functions like tanh.

The formulas over the neighbours that there are, with merged attention matrices, take 1.43 GFLOP for the small model and
192 atoms of water, forward and back. The forward half is computed twice, once more on the way back, which makes a third
more; blocks are as wide as their widest atom, which makes less than a tenth. Axes as wide as the model allows take
2.7 GFLOP. A form that pads, or multiplies what is constant, is found here before it is felt.
"""

from __future__ import annotations

import json
from math import prod
from pathlib import Path

import pytest

import dpa2
from dpa2.batching.plan import ChunkShape
from dpa2.model.preparation import check_system, in_chunks, list_neighbors
from dpa2.testing import water_box

SMALL = Path(__file__).parents[2] / "benchmarks" / "models" / "small.json"
FORMULAS = 1.43  # GFLOP
ELEMENTWISE = {"tanh", "exp", "logistic", "erf", "log"}


@pytest.fixture(scope="module")
def counts() -> dict[str, float]:
    """GFLOP of products, and millions of elementary functions, of energies and gradients of 192 atoms."""
    jax = pytest.importorskip("jax")
    model = dpa2.build(json.loads(SMALL.read_text())["model"], seed=0, backend="jax")
    system = check_system(model.config, water_box(64))
    found = list_neighbors(model.config, system, "truncate")
    ready = in_chunks(model.config, model.backend, [system], [found], shape=ChunkShape(size=24))
    backend = model.backend.uncompiled()

    def evaluate(blocks):
        energies, pull = model.program.vjp(blocks, ready.inputs, backend)
        return energies, pull([given.real for given in ready.inputs])

    return counted(jax.make_jaxpr(evaluate)(ready.chunks).jaxpr)


def counted(program) -> dict[str, float]:
    """The operations of a program and of those that it calls."""
    total = {"products": 0.0, "functions": 0.0}
    for operation in program.eqns:
        size = prod(operation.outvars[0].aval.shape)
        if operation.primitive.name == "dot_general":
            (summed, _), _ = operation.params["dimension_numbers"]
            total["products"] += 2e-9 * size * prod(operation.invars[0].aval.shape[axis] for axis in summed)
        total["functions"] += 1e-6 * size * (operation.primitive.name in ELEMENTWISE)
        for inner in (value for value in operation.params.values() if hasattr(value, "jaxpr")):
            total = {name: total[name] + more for name, more in counted(inner.jaxpr).items()}
    return total


def test_products_take_no_more_than_the_formulas_over_real_neighbours(counts):
    assert FORMULAS < counts["products"] < 4 / 3 * 1.1 * FORMULAS


def test_functions_are_evaluated_no_more_than_twice_for_each_neighbour(counts):
    """175 for each of 89 neighbours within 6 Å, and 14 for each pair of 26 within 4 Å, forward and on the way back."""
    once = 192 * (175 * 89 + 14 * 26**2) / 1e6
    assert once < counts["functions"] < 2.5 * once
