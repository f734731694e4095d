"""Neighbours that are left out are counted in one warning."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from crowds import DENSE, by_hand, narrow

import dpa2
from dpa2 import testing
from dpa2.data import Frame
from dpa2.errors import InputError
from dpa2.structures.system import System

CROWD = System(DENSE, [0, 1] * 13 + [0], name="crowd")
CONFIG = narrow(12, 9, 11)


@pytest.fixture(scope="module")
def model():
    return testing.perturbed_model(CONFIG)


def test_truncation_is_one_warning_with_atom_count_limit_and_number_of_atoms(model):
    counts = np.array(by_hand(CROWD, CONFIG.repinit.cutoff))
    with pytest.warns(dpa2.TruncationWarning) as caught:
        model.evaluate_many([CROWD, CROWD], neighbors="truncate")
    assert len(caught) == 1
    cut = next(cut for cut in caught[0].message.truncations if cut.block == "repinit")
    assert (cut.limit, cut.atoms, cut.count) == (12, 2 * (counts > 12).sum(), counts.max())
    assert (cut.atom, cut.system, cut.symbol) == (counts.argmax(), "crowd", "OH"[counts.argmax() % 2])
    for fact in (f"{cut.atoms} atoms", f"atom {cut.atom}", "12", f"{cut.count}", "of crowd"):
        assert fact in str(caught[0].message)


@pytest.mark.parametrize("call", [
    lambda model: model.evaluate(CROWD, neighbors="truncate"),
    lambda model: model.descriptor.evaluate(CROWD, neighbors="truncate"),
    lambda model: model.prepare_systems([CROWD], neighbors="truncate"),
    lambda model: dpa2.trace(model, CROWD, neighbors="truncate"),
    lambda model: model.evaluate_extended(
        DENSE, CROWD.types, [[j for j in range(27) if j != i] for i in range(27)], range(27), neighbors="truncate"
    ),
    lambda model: dpa2.fit_output_bias(model, [Frame(CROWD, -1.0, *[None] * 4, "f")] * 3, change=True),
])  # fmt: skip
def test_every_way_to_truncate_warns_once(model, call):
    with pytest.warns(dpa2.TruncationWarning) as caught:
        call(model)
    assert len(caught) == 1


def test_lists_that_fit_give_no_warning(model):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.evaluate(testing.water_box(1).coordinates, ["O", "H", "H"], neighbors="truncate")


def test_a_domain_without_atoms_has_no_energy_and_no_forces(model):
    for coordinates, types, mapping in ((DENSE, CROWD.types, np.zeros(27, int)), (np.zeros((0, 3)), [], [])):
        found = model.evaluate_extended(coordinates, types, np.zeros((0, 5), int), mapping)
        assert (float(found.energy), found.forces.shape, found.atom_energy.shape) == (0.0, (0, 3), (0,))
        assert not found.virial.any()


def test_half_a_list_is_refused(model):
    half = [[j if j > i else -1 for j in range(27)] for i in range(27)]
    with pytest.raises(InputError, match="full list is needed"):
        model.evaluate_extended(DENSE, CROWD.types, half, range(27), neighbors="truncate")


def test_energies_of_frames_must_be_numbers(model):
    water = System(DENSE[:2], [0, 1])
    for energy in (np.nan, np.ma.masked, np.zeros(2)):
        with pytest.raises(InputError, match="energy of bad"):
            dpa2.fit_output_bias(model, [Frame(water, energy, *[None] * 4, "bad")])
