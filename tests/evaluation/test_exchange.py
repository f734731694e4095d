"""A system divided among ranks has the results of the whole; ranks are threads here."""

from __future__ import annotations

from copy import copy
from dataclasses import replace

import numpy as np
import pytest
from heads import HEADS, sample
from hypothesis import given, settings
from hypothesis import strategies as st
from libraries import LIBRARIES
from ranks_in_threads import on_all, parts
from references import CASES, frames, host, load
from tolerances import assert_close

import dpa2
from dpa2.backends.compiling import compiled
from dpa2.batching.widths import AgreedWidths, LengthCache, WidthCache
from dpa2.descriptor.descriptor import advance, retreat
from dpa2.model.preparation import check_system, list_neighbors

pytestmark = pytest.mark.filterwarnings("ignore::dpa2.TruncationWarning")  # lists are cut on purpose


def divided(model, frame, owner, ranks: int, **options) -> tuple[dict, list]:
    """Energy, forces, virial and energies of atoms of a frame divided among ranks, and the parts."""
    system = check_system(model.config, frame.system)
    made = parts(system, list_neighbors(model.config, system, "truncate"), owner, ranks)
    results = on_all(made, lambda s, found, halo: of_rank(model).compute([s], [found], halo=halo, **options)[0])
    atoms = np.argsort(np.argsort(owner, kind="stable"))
    found = {n: sum(host(model, getattr(r, n)) for r in results) for n in ("energy", "virial")}
    for name in ("forces", "atom_energy", "atom_virial"):
        if getattr(results[0], name) is not None:
            found[name] = np.concatenate([host(model, getattr(r, name)) for r in results])[atoms]
    return found, made


def of_rank(model):
    """The model as a rank has it, which is a process of its own otherwise: with lengths of its own on JAX."""
    if model.backend.name != "jax":
        return model
    backend = copy(model.backend)
    backend.lengths = LengthCache()
    backend.lengths.agreed = model.backend.lengths.agreed  # that of the step before
    return replace(model, backend=backend)


def owners(atoms: int, ranks: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(ranks, size=atoms)


@pytest.mark.parametrize("case", CASES)
def test_two_ranks_have_the_energies_forces_and_virials_of_the_reference(case):
    model, frame = load(case, "numpy"), frames(case)[0]
    found, made = divided(model, frame, owners(len(frame.system.types), 2), 2)
    assert sum(len(halo.types) for *_, halo in made) > 0
    for name in found:
        tolerance = "reference float32" if case == "float32" else "reference"
        assert_close(tolerance, found[name], frame.expected[name], name)


@pytest.mark.parametrize("ranks", [2, pytest.param(7, marks=pytest.mark.slow)])
@pytest.mark.parametrize("library", LIBRARIES)
def test_ranks_of_which_one_has_no_atoms_have_the_results_of_a_single_process(library, ranks):
    model, frame = load("four_types", library), frames("four_types")[0]
    found, made = divided(model, frame, owners(len(frame.system.types), ranks), ranks + 1, atom_virial=True)
    assert len(made[-1][0].types) == 0
    whole = model.evaluate(frame.system, neighbors="truncate", atom_virial=True)
    for name in found:
        assert_close("layout", found[name], host(model, getattr(whole, name)), name)


@settings(max_examples=10)
@given(ranks=st.integers(1, 8), seed=st.integers(0, 99))
def test_results_do_not_depend_on_the_division(ranks, seed):
    model, frame = load("base", "numpy"), frames("base")[0]
    found, _ = divided(model, frame, owners(len(frame.system.types), ranks, seed), ranks)
    for name in found:
        assert_close("reference", found[name], frame.expected[name], name)


def test_models_of_other_kinds_are_refused_by_name():
    model, structure = dpa2.load(HEADS / "drawn_dipole.dp"), sample("drawn_dipole")[0]
    system = check_system(model.config, dpa2.System(**structure))
    found = list_neighbors(model.config, system, "truncate")
    ((place, listed, halo),) = parts(system, found, np.zeros(len(system.types), dtype=int), 1)
    with pytest.raises(dpa2.InputError, match="dipoles"):
        model.compute([place], [listed], halo=halo)


def test_ranks_agree_on_widths_which_only_grow():
    agreed = AgreedWidths(WidthCache(), lambda numbers: np.maximum(numbers, [14, 30]).tolist())
    assert agreed.widths_for("repformer", [9, 9, 10], step=2) == [18, 18, 36]
    assert agreed.widths_for("repformer", [9, 19, 36], step=2) == [24, 24, 36]
    assert agreed.widths_for("repformer", [9, 19, 37], step=2) == [24, 24, 44]
    assert agreed.widths_for("repformer", [9, 19, 25], step=2, most=40) == [24, 24, 36]


@pytest.mark.slow
def test_nothing_is_compiled_after_the_first_steps_of_hot_atoms_that_change_ranks():
    model = load("base", "jax")
    frame, rng = frames("base")[0], np.random.default_rng(0)
    system, counts = check_system(model.config, frame.system), []
    for step in range(60):
        moved = replace(system, coordinates=system.coordinates + rng.normal(scale=0.1, size=system.coordinates.shape))
        divided(model, replace(frame, system=moved), owners(len(system.types), 3, step), 3)
        counts.append(len(compiled(advance, "cpu")) + len(compiled(retreat, "cpu")))
    assert counts[0] > 0
    assert counts[10:] == [counts[-1]] * 50
