"""What evaluations take: memory, threads, shapes that a compiler must know, files that it leaves."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
import pytest
from tolerances import assert_close

import dpa2
from dpa2 import demo, testing
from dpa2.backends import backend
from dpa2.batching.memory import Demand
from dpa2.batching.widths import Lasting, Lengths, few_kinds
from dpa2.errors import InputError
from dpa2.model.preparation import in_turns, with_neighbors
from dpa2.nn.arrays import take_rows


@pytest.fixture(scope="module")
def model():
    return testing.perturbed_model(testing.small_config(), seed=1)


def boxes(count: int):
    return [testing.water_box(16, seed=k) for k in range(count)]


@pytest.mark.parametrize("molecules", [8, 64])
def test_an_evaluation_takes_less_memory_than_estimated(model, molecules):
    systems, lists = with_neighbors(model.config, [testing.water_box(molecules, seed=0)], "truncate")
    model.compute(systems, lists)
    tracemalloc.start()
    model.compute(systems, lists)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    demand = Demand.of(lists[0], model.cutoffs)
    assert peak <= demand.bytes(model.config, model.backend.shape, model.backend.threads) + 200_000  # Python's own


def test_systems_in_turns_give_the_same_numbers(model):
    systems = boxes(5)
    together = model.evaluate_many(systems, neighbors="truncate")
    _, lists = with_neighbors(model.config, systems, "truncate")
    two = sum((Demand.of(found, model.cutoffs) for found in lists[1:2]), Demand.of(lists[0], model.cutoffs))
    limit = two.bytes(model.config, model.backend.shape, model.backend.threads)
    assert len(in_turns(model.config, model.worker.backend, lists, limit)) > 1
    for one, other in zip(model.evaluate_many(systems, neighbors="truncate", memory=limit), together, strict=True):
        assert np.abs(one.forces - other.forces).max() <= 1e-14 * np.abs(other.forces).max()


def test_a_system_too_large_for_the_limit_is_refused(model):
    with pytest.raises(InputError, match=r"system 0 takes .* MB are allowed"):
        model.evaluate_many(boxes(1), neighbors="truncate", memory=10_000)


@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
def test_blocks_of_half_the_precision_hold_twice_the_atoms(model, library):
    pytest.importorskip(library)
    double, single = (model.to(library, dtype=dtype).backend.shape for dtype in ("float64", "float32"))
    assert (single.size, single.step, single.uniform) == (2 * double.size, double.step, double.uniform)
    assert model.to(library, dtype="float32", block=5).backend.shape.size == 5


def test_smaller_blocks_take_less_memory():
    small, large = (testing.perturbed_model(testing.small_config(), seed=1).to("numpy", block=n) for n in (4, 24))
    assert small.backend.shape.size == 4
    _, lists = with_neighbors(large.config, boxes(1), "truncate")
    demand = Demand.of(lists[0], large.cutoffs)
    needs = [demand.bytes(m.config, m.backend.shape, m.backend.threads) for m in (small, large)]
    assert needs[0] < needs[1]


def test_numpy_lays_arrays_in_the_memory_that_it_gave_before():
    first, second = backend("numpy").joiner(), backend("numpy").joiner()
    parts = [np.ones((3, 2)), np.zeros((2, 2))]
    given, other = first(parts), second(parts)
    assert first([2.0 * p for p in parts]) is given
    assert np.array_equal(other, np.concatenate(parts))  # what another function gave stays


def test_jax_lays_arrays_in_the_memory_that_it_gave_before():
    pytest.importorskip("jax")
    library = backend("jax")
    join, parts = library.joiner(), [library.asarray(np.full((k, 2), 1.0 * k)) for k in (30, 20)]
    given = join(parts)
    place, again = given.unsafe_buffer_pointer(), join(parts)
    assert given.is_deleted()
    assert again.unsafe_buffer_pointer() == place
    assert np.array_equal(library.to_numpy(again)[:50], np.concatenate([library.to_numpy(p) for p in parts]))
    assert len(again) > 50
    assert not library.to_numpy(again)[50:].any()


def test_jax_gives_nothing_up_while_it_is_differentiated():
    jax = pytest.importorskip("jax")
    library = backend("jax")

    def product(x):
        join = library.joiner()
        return (join((x, x)) * join((2.0 * x, x))).sum()

    x = library.asarray(np.arange(3.0))
    assert np.array_equal(jax.grad(product)(x), 6.0 * np.arange(3.0))


def test_jax_pulls_back_several_times_through_several_blocks(model):
    pytest.importorskip("jax")
    (box,) = boxes(1)
    found, expected = (
        m.evaluate(box.coordinates, box.types, box.cell, neighbors="truncate", atom_virial=True)
        for m in (model.to("jax"), model)
    )
    assert_close("libraries", np.asarray(found.forces), expected.forces, "forces")
    assert_close("libraries", np.asarray(found.atom_virial), expected.atom_virial, "atom_virial")


@pytest.mark.parametrize("library", ["numpy", "jax"])
def test_threads_may_evaluate_one_model_at_once(model, library):
    pytest.importorskip(library)
    systems, model = boxes(4), model.to(library)

    def forces(system):
        return model.evaluate_many([system], neighbors="truncate")[0].forces

    expected = [forces(s) for s in systems]
    with ThreadPoolExecutor(4) as threads:
        for one, other in zip(threads.map(forces, systems), expected, strict=True):
            assert_close("batch", one, other, "forces")


def test_settings_for_the_compiler_belong_to_block_functions_and_are_known_to_it():
    pytest.importorskip("jax")
    from dpa2.backends.compiling import NETS_AT_NEIGHBORS, compiler_options
    from dpa2.descriptor import descriptor

    assert all(hasattr(descriptor, name) for name in NETS_AT_NEIGHBORS)
    assert len(compiler_options(True)) == 5


def test_torch_evaluates_by_numpy_and_hands_back_tensors():
    torch = pytest.importorskip("torch")
    box, exact = demo.structure(), dpa2.load(demo.MODEL)
    model = dpa2.load(demo.MODEL, backend="torch")
    found = model.evaluate(box["coordinates"], box["types"], box["cell"])
    assert isinstance(found.forces, torch.Tensor)
    assert np.array_equal(found.forces.numpy(), exact.evaluate(box["coordinates"], box["types"], box["cell"]).forces)
    weight = model.weights.descriptor.shape_transform.weight
    assert np.shares_memory(weight.numpy(), model.worker.weights.descriptor.shape_transform.weight)


def test_torch_evaluates_low_precision_itself():
    pytest.importorskip("torch")
    model = dpa2.load(demo.MODEL, backend="torch", dtype="bfloat16")
    assert model.worker is model


def test_widths_last_while_neighbours_come_and_go():
    lasting, generator = Lasting(), np.random.default_rng(0)
    seen = set()
    for _ in range(200):
        needed = sorted(np.array([18, 20, 23, 25, 26, 30]) + generator.integers(-2, 3, 6))
        seen.update(lasting.settle("repformer", [int(n) for n in needed], step=2, most=48))
    assert len(seen) <= 2


def test_widths_always_suffice_and_never_exceed_the_capacity():
    lasting, generator = Lasting(), np.random.default_rng(1)
    for _ in range(300):
        needed = [int(n) for n in generator.integers(0, 21, generator.integers(1, 6))]
        widths = lasting.settle("repformer", needed, step=int(generator.integers(1, 9)), most=20)
        assert all(n <= w <= 20 for n, w in zip(needed, widths, strict=True))


@pytest.mark.parametrize("seed", range(20))
def test_no_other_choice_of_few_widths_has_fewer_pairs_of_slots(seed):
    generator = np.random.default_rng(seed)
    needed, kinds = [int(n) for n in generator.integers(1, 9, 6)], int(generator.integers(2, 4))
    chosen = few_kinds(needed, kinds)
    assert all(w >= n for w, n in zip(chosen, needed, strict=True))
    assert len(set(chosen)) <= kinds
    others = (c for c in product(*(range(n, max(needed) + 1) for n in needed)) if len(set(c)) <= kinds)
    assert sum(w * w for w in chosen) == min(sum(w * w for w in c) for c in others)


def test_many_blocks_get_a_third_width():
    needed = [22] * 20 + [26] * 10 + [34] * 2
    few, many = (Lasting().settle("repformer", list(blocks), step=2) for blocks in (needed[::2], needed))
    assert sorted(set(few)) == [26, 38]
    assert sorted(set(many)) == [22, 26, 38]


def test_what_is_laid_end_to_end_keeps_its_length_while_blocks_change_theirs():
    pytest.importorskip("jax")
    library, generator = backend("jax"), np.random.default_rng(0)
    join, lengths = library.joiner(), set()
    for _ in range(8):
        parts = [library.asarray(generator.normal(size=(100 + int(n), 3))) for n in generator.integers(0, 5, 3)]
        expected, joined = np.concatenate(list(map(library.to_numpy, parts))), library.to_numpy(join(parts))
        lengths.add(len(joined))
        assert np.array_equal(joined[: len(expected)], expected)
    assert len(lengths) == 1


def test_a_length_stays_whatever_other_lengths_come():
    lengths, generator = Lengths(), np.random.default_rng(0)
    found: dict[int, int] = {}
    for needed in map(int, generator.integers(1, 5000, 2000)):
        length = lengths.settle(needed)
        assert needed <= length <= 1.25 * needed + 1
        assert found.setdefault(needed, length) == length


def test_jax_occupies_no_more_processors_than_it_may(monkeypatch):
    pytest.importorskip("jax")
    for given, processors, hands in ((1, 8, 1), (4, 8, 4), (8, 8, 24), (1, 1, 1)):
        monkeypatch.setenv("DPA2_THREADS", str(given))
        monkeypatch.setattr("dpa2.backends.jax.processors", lambda n=processors: n)
        assert backend("jax").hands() == hands


def test_jax_takes_rows_without_looking_for_indices_out_of_bounds():
    jax = pytest.importorskip("jax")
    x, index = np.arange(12.0).reshape(4, 3), np.array([[3, 0], [1, 1]])
    assert np.array_equal(take_rows(jax.numpy.asarray(x), jax.numpy.asarray(index)), x[index])
    program = str(jax.make_jaxpr(take_rows)(x, index))
    assert "mode=GatherScatterMode.CLIP" in program
    assert "select" not in program


COMPILED_ON_DISK = """
import dpa2
box = dpa2.demo.structure()
model = dpa2.load(dpa2.demo.MODEL, backend="jax")
model.evaluate(box["coordinates"][:12], box["types"][:12], None)
"""


@pytest.mark.parametrize("where", ["folder", "off"])
def test_compiled_functions_are_kept_where_they_may_be(where, tmp_path):
    pytest.importorskip("jax")
    home = tmp_path / "home"
    environment = dict(os.environ) | {"XDG_CACHE_HOME": str(home), "JAX_ENABLE_X64": "1"}
    environment["DPA2_CACHE"] = str(tmp_path / "kept") if where == "folder" else "off"
    subprocess.run([sys.executable, "-c", COMPILED_ON_DISK], check=True, env=environment, capture_output=True)
    assert not home.exists()
    assert (tmp_path / "kept" / "jax").is_dir() == (where == "folder")


def test_nothing_is_compiled_again_while_atoms_move():
    """What a block begins with depends on three lists at once, so their widths may meet anew in the first steps."""
    pytest.importorskip("jax")
    from dpa2.backends.compiling import compiled
    from dpa2.descriptor import descriptor
    from dpa2.evaluation import forces
    from dpa2.fitting import energy

    layers = [descriptor.advance, descriptor.retreat, energy.finish, energy.cotangent]
    sums, nets = [forces.share_out, forces.sum_over_rows], [descriptor.begin, descriptor.return_to_vectors]
    model = testing.perturbed_model(testing.small_config(), seed=1, backend="jax")
    system, generator = testing.water_box(16, seed=0), np.random.default_rng(0)
    sizes = []
    for _ in range(20):
        moved = system.coordinates + 0.1 * generator.normal(size=system.coordinates.shape)
        model.evaluate_many([dataclasses.replace(system, coordinates=moved)], neighbors="truncate")
        sizes.append([[compiled(f, "cpu")._cache_size() for f in functions] for functions in (layers + sums, nets)])
    assert sizes[-1][0] == sizes[1][0]
    assert sizes[-1][1] == sizes[9][1]
