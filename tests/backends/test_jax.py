"""JAX: memory that is used again, settings of the compiler, and compilations that are not repeated."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest
from tolerances import assert_close

from dpa2 import testing
from dpa2.backends import backend
from dpa2.nn.arrays import take_rows

jax = pytest.importorskip("jax")

pytestmark = pytest.mark.filterwarnings("ignore::dpa2.TruncationWarning")  # lists are cut on purpose


@pytest.fixture(scope="module")
def model():
    return testing.perturbed_model(testing.small_config(), seed=1)


def test_jax_lays_arrays_in_the_memory_that_it_gave_before():
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
    library = backend("jax")

    def product(x):
        join = library.joiner()
        return (join((x, x)) * join((2.0 * x, x))).sum()

    x = library.asarray(np.arange(3.0))
    assert np.array_equal(jax.grad(product)(x), 6.0 * np.arange(3.0))


def test_jax_pulls_back_several_times_through_several_chunks(model):
    box = testing.water_box(16, seed=0)
    found, expected = (
        m.evaluate(box.coordinates, box.types, box.cell, neighbors="truncate", atom_virial=True)
        for m in (model.to("jax"), model)
    )
    assert_close("libraries", np.asarray(found.forces), expected.forces, "forces")
    assert_close("libraries", np.asarray(found.atom_virial), expected.atom_virial, "atom_virial")


def test_settings_for_the_compiler_belong_to_chunk_functions_and_are_known_to_it():
    from dpa2.backends.compiling import NETS_AT_NEIGHBORS, compiler_options
    from dpa2.descriptor import descriptor

    assert all(hasattr(descriptor, name) for name in NETS_AT_NEIGHBORS)
    assert len(compiler_options(True)) == 5


def test_what_is_laid_end_to_end_keeps_its_length_while_chunks_change_theirs():
    library, generator = backend("jax"), np.random.default_rng(0)
    join, lengths = library.joiner(), set()
    for _ in range(8):
        parts = [library.asarray(generator.normal(size=(100 + int(n), 3))) for n in generator.integers(0, 5, 3)]
        expected, joined = np.concatenate(list(map(library.to_numpy, parts))), library.to_numpy(join(parts))
        lengths.add(len(joined))
        assert np.array_equal(joined[: len(expected)], expected)
    assert len(lengths) == 1


def test_jax_takes_rows_without_looking_for_indices_out_of_bounds():
    x, index = np.arange(12.0).reshape(4, 3), np.array([[3, 0], [1, 1]])
    assert np.array_equal(take_rows(jax.numpy.asarray(x), jax.numpy.asarray(index)), x[index])
    program = str(jax.make_jaxpr(take_rows)(x, index))
    assert "mode=GatherScatterMode.CLIP" in program
    assert "select" not in program


COMPILED_ON_DISK = """
from dpa2 import testing
testing.perturbed_model(testing.small_config(), backend="jax").evaluate([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0]], ["O", "H"])
"""


@pytest.mark.parametrize("where", ["folder", "off"])
def test_compiled_functions_are_kept_where_they_may_be(where, tmp_path):
    home = tmp_path / "home"
    environment = {name: value for name, value in os.environ.items() if name != "JAX_COMPILATION_CACHE_DIR"}
    environment |= {"XDG_CACHE_HOME": str(home), "JAX_ENABLE_X64": "1"}
    environment["DPA2_CACHE"] = str(tmp_path / "kept") if where == "folder" else "off"
    subprocess.run([sys.executable, "-c", COMPILED_ON_DISK], check=True, env=environment, capture_output=True)
    assert not home.exists()
    assert (tmp_path / "kept" / "jax").is_dir() == (where == "folder")


def test_nothing_is_compiled_again_while_atoms_move():
    """The first function of a chunk depends on three lists, whose widths may combine in new ways in the first steps."""
    from dpa2.backends.compiling import compiled
    from dpa2.descriptor import descriptor
    from dpa2.evaluation import forces
    from dpa2.fitting import atomic_model

    layers = [descriptor.advance, descriptor.retreat, atomic_model.values, atomic_model.before_head]
    sums, nets = [forces.share_out, forces.sum_over_rows], [descriptor.begin, descriptor.return_to_vectors]
    model = testing.perturbed_model(testing.small_config(), seed=1, backend="jax")
    system, generator = testing.water_box(16, seed=0), np.random.default_rng(0)
    sizes = []
    for _ in range(20):
        moved = system.coordinates + 0.1 * generator.normal(size=system.coordinates.shape)
        model.evaluate_many([dataclasses.replace(system, coordinates=moved)], neighbors="truncate")
        sizes.append([[len(compiled(f, "cpu")) for f in functions] for functions in (layers + sums, nets)])
    assert sizes[-1][0] == sizes[1][0]
    assert sizes[-1][1] == sizes[9][1]
