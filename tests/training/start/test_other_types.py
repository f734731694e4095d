"""Pretrained models with other types: kept types give the same energies, new ones take what they need from data."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from references import DATA
from starting import samples, several, single

import dpa2
from dpa2 import testing
from dpa2.config import Fitting
from dpa2.training.start import finetuned, with_data
from dpa2.training.start.type_maps import config_with_types, with_types

THEIRS = json.loads((DATA / "training_start" / "branches.json").read_text())["statistics"]  # by DeePMD-kit 3.2.0
BLOCKS = ("repinit", "three_body", "repformer")


@pytest.fixture(scope="module")
def carbon(tmp_path_factory):
    """A file of a model that knows O and C."""
    file = tmp_path_factory.mktemp("carbon") / "carbon.dp"
    dpa2.save(testing.perturbed_model(single({"type_map": ["O", "C"]}).config(), seed=1), file)
    return file


def energies(model: dpa2.Model, names: tuple[str, ...]) -> np.ndarray:
    """Energies of all atoms of a structure of some types."""
    coordinates = np.random.default_rng(3).normal(0, 1.5, (6, 3))
    return model.evaluate(coordinates, [names[k % len(names)] for k in range(6)]).atom_energy


def other_types(model: dpa2.Model, types: tuple[str, ...]) -> dpa2.Model:
    return dpa2.Model.from_checkpoint(with_types(model.checkpoint(), types, seed=2))


SETTINGS = {
    "plain": {},
    "no skip connection in the embedding": {"type_dim": 7},
    "one before": {"type_dim": 3},
    "one behind": {"type_dim": 4},
    "twice before": {"type_dim": 6},
    "twice behind": {"type_dim": 8},
    "gated": {"type_input": "strip"},
    "one-sided": {"one_sided": True},
}


@pytest.mark.parametrize("electrons", [False, True])
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_types_that_stay_have_the_same_energies(settings, electrons):
    repinit = dataclasses.replace(testing.small_config().repinit, **settings)
    config = testing.small_config(types=("O", "H", "C"), repinit=repinit, electron_configuration=electrons,
                                  type_bias=True)  # fmt: skip
    model = testing.perturbed_model(config, seed=4)
    for types in (("C", "O", "H"), ("H", "N", "O", "S"), ("H", "O")):
        found = other_types(model, types)
        assert found.type_map == types
        scale = np.abs(energies(model, ("O", "H"))).max()
        np.testing.assert_allclose(energies(found, ("O", "H")), energies(model, ("O", "H")), rtol=0, atol=1e-12 * scale)


def test_new_types_begin_with_random_embeddings_and_without_a_bias():
    model = testing.perturbed_model(testing.small_config(), seed=4)
    found = other_types(model, ("H", "N", "O")).weights
    assert not found.bias[1].any()
    assert not found.fitting.bias[1].any()
    assert found.deviation[1] == 1.0
    for block in BLOCKS:
        environment = getattr(found.descriptor, block).environment
        assert not environment.mean[1].any()
        assert (environment.std[1] == 1.0).all()
    row = found.descriptor.type_embedding.weight[1]
    assert ((row >= 0) & (row < 1)).all()
    assert len(set(row)) == len(row)
    skips = testing.small_config(repinit=dataclasses.replace(model.config.repinit, type_dim=3))
    wide = other_types(testing.perturbed_model(skips), ("H", "N", "O")).weights.descriptor.type_embedding.weight[1]
    whole = wide + np.eye(3)[1]
    assert ((whole >= 0) & (whole < 1)).all(), "with what the skip connection adds"


def test_settings_of_types_follow_them():
    config = testing.small_config(
        types=("O", "H", "C"),
        excluded_pairs=((0, 1), (1, 2)),
        model_excluded_pairs=((2, 2), (0, 0)),
        excluded_types=(0, 2),
        preset_bias=(1.0, None, 3.0),
        fitting=Fitting(widths=(7, 7), vacuum_energies=(0.5, 0.25)),
    )
    found = config_with_types(config, ("H", "N", "O"))
    assert found.types == ("H", "N", "O")
    assert found.excluded_pairs == ((2, 0),)
    assert found.model_excluded_pairs == ((2, 2),)
    assert found.excluded_types == (2,)
    assert found.preset_bias == (None, None, 1.0)
    assert found.fitting.vacuum_energies == (0.25, None, 0.5)
    assert config_with_types(config, ("N",)).preset_bias is None


def assert_environments(model: dpa2.Model, theirs: dict):
    for block in BLOCKS:
        found = getattr(model.weights.descriptor, block).environment
        np.testing.assert_allclose(found.mean[:, 0], theirs[block]["mean"], rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(found.std[:, :2], theirs[block]["std"], rtol=1e-12)


def test_environments_of_new_types_are_those_of_the_new_data(carbon):
    script = single({"type_map": ["H", "O"]}, "mixC")
    found = with_data(finetuned(script, carbon), samples(script))[""]
    assert_environments(found, THEIRS["one"])
    given = dpa2.load(carbon).weights.descriptor.repinit.environment.std[0]
    np.testing.assert_array_equal(found.weights.descriptor.repinit.environment.std[1], given)
    again = dpa2.fit_output_bias(found, samples(script)[""](), change=True)
    np.testing.assert_allclose(again.weights.bias, found.weights.bias, rtol=1e-12, err_msg="a bias of these weights")


def test_heads_with_a_new_type_compute_the_environments_of_all_types(carbon):
    heads = {"a": {"finetune_head": "Default"}, "b": {"finetune_head": "Default", "data": "mixC"}}
    script = several(heads, {"shared_dict": single_parts()})
    found = with_data(finetuned(script, carbon), samples(script))
    for model in found.values():
        assert_environments(model, THEIRS["several"])
    assert found["a"].weights.descriptor.repinit is found["b"].weights.descriptor.repinit


def single_parts() -> dict:
    section = single({"type_map": ["H", "O"]}).model
    return {"types": section["type_map"], "d": section["descriptor"]}
