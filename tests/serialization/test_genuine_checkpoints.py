"""Checkpoints of other releases of DeePMD-kit give the numbers of the release that wrote them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from peer_files import SAMPLES
from tolerances import assert_close

import dpa2
from dpa2.errors import InputError, UnsupportedModel
from dpa2.serialization import read

GENUINE = SAMPLES.parent / "genuine"
NATIVE = SAMPLES.parent / "native" / "dpa2_tiny.version1.safetensors"
PROPERTY = GENUINE / "dpa2_3.2.0_multitask_with_property.pt"
FRAMES = ("pbc", "cluster", "triclinic")


def structure(frame: str) -> dict:
    """One of the three frames, as `evaluate` takes it."""
    with np.load(SAMPLES / "expected.npz") as file:
        cell = file[f"{frame}/box"]
        return {
            "coordinates": file[f"{frame}/coord"],
            "types": file[f"{frame}/types"],
            "cell": cell if cell.size == 9 else None,
        }


def require_results(model, frame: str, expected):
    """The energy, the forces and the virial of a frame are those in `expected`."""
    found = model.evaluate(**structure(frame))
    assert_close("samples", found.energy, expected[f"{frame}/energy"].reshape(()), "energy")
    assert_close("sample forces", found.forces, expected[f"{frame}/force"].reshape(-1, 3), "forces")
    assert_close("sample forces", found.virial, expected[f"{frame}/virial"].reshape(3, 3), "virial")


@pytest.mark.parametrize("frame", FRAMES)
def test_a_checkpoint_with_numbers_of_numpy_beside_the_model_gives_the_results_of_its_release(frame):
    with np.load(GENUINE / "dpa2_3.0.0b2.expected.npz") as expected:
        require_results(dpa2.load(GENUINE / "dpa2_3.0.0b2.pt"), frame, expected)


def test_statistics_in_double_precision_are_those_of_a_single_precision_model():
    model = dpa2.load(GENUINE / "dpa2_3.0.0b4_float32.pt")
    assert model.config.dtype == model.config.fitting.dtype == "float32"
    found, bias = model.evaluate(**structure("pbc")), model.state_dict()["bias"]
    offset = bias[structure("pbc")["types"]].sum()
    assert abs(offset) > 1e4  # else the digits of the network's energy would be lost in the comparison below
    assert_close("reference float32", found.energy - offset, -29873.465584 - offset)


@pytest.mark.parametrize("suffix", [".dp", ".pt", ".safetensors"])
def test_a_checkpoint_with_old_precisions_is_converted(suffix, tmp_path):
    source = GENUINE / "dpa2_3.0.0b4_float32.pt"
    assert dpa2.convert(source, tmp_path / f"new{suffix}") == read(source).digest()


def test_the_numbers_of_old_statistics_are_rounded_as_loading_does():
    torch = pytest.importorskip("torch")
    source = GENUINE / "dpa2_3.0.0b4_float32.pt"
    with torch.serialization.safe_globals([]):
        state = torch.load(source, weights_only=True)["model"]
    name = "model.Default.atomic_model.descriptor.repinit.stddev"
    assert state[name].dtype == torch.float64
    loaded = torch.empty(state[name].shape, dtype=torch.float32).copy_(state[name])
    assert np.array_equal(read(source).weights["descriptor.repinit.environment.std"], loaded[:, 0].numpy())


# A file whose heads are not all of one kind


def test_a_property_head_is_loaded_beside_energy_heads():
    models = dpa2.load_multitask(PROPERTY)
    assert {name: model.kind for name, model in models.items()} == {
        "water_1": "energy", "water_2": "energy", "prop": "property",
    }  # fmt: skip
    assert np.isfinite(models["water_1"].evaluate(**structure("cluster")).energy)
    assert np.isfinite(models["prop"].evaluate(**structure("cluster")).property).all()
    with pytest.raises(InputError, match=r"choose one of: water_1, water_2, prop$"):
        dpa2.load(PROPERTY)


def test_a_head_of_an_unknown_kind_is_named_and_left_out(tmp_path):
    torch = pytest.importorskip("torch")
    found = torch.load(PROPERTY, weights_only=True)
    heads = found["model"]["_extra_state"]["model_params"]["model_dict"]
    heads["prop"]["fitting_net"]["type"] = "denoise"
    torch.save(found, tmp_path / "other.pt")
    with pytest.warns(UserWarning, match=r"prop \(denoise\)"):
        models = dpa2.load_multitask(tmp_path / "other.pt")
    assert list(models) == ["water_1", "water_2"]
    with pytest.raises(UnsupportedModel, match="denoise"):
        dpa2.load(tmp_path / "other.pt", head="prop")


def test_info_shows_what_each_head_predicts(call):
    told = call("info", PROPERTY)[1].splitlines()
    assert [line.split()[1:] for line in told if line.startswith("head ")] == [
        ["water_1", "energy"], ["water_2", "energy"], ["prop", "property"],
    ]  # fmt: skip
    facts = json.loads(call("info", PROPERTY, "--json")[1])
    assert facts["kinds"] == {"water_1": "ener", "water_2": "ener", "prop": "property"}
    assert facts["aliases"] == {}


def test_info_shows_the_other_names_of_heads(call, tmp_path):
    torch = pytest.importorskip("torch")
    found = torch.load(PROPERTY, weights_only=True)
    found["model"]["_extra_state"]["model_params"]["model_dict"]["water_2"]["model_branch_alias"] = ["ice", "steam"]
    torch.save(found, tmp_path / "aliases.pt")
    assert "energy, also called ice, steam" in call("info", tmp_path / "aliases.pt")[1]
    facts = json.loads(call("info", tmp_path / "aliases.pt", "--json")[1])
    assert facts["aliases"] == {"ice": "water_2", "steam": "water_2"}
    assert read(tmp_path / "aliases.pt", head="ice").digest() == read(PROPERTY, head="water_2").digest()


# A file of ours that is kept for ever

DIGEST = "sha256:f7d867b387dd458584500ad847e0bd87dd6285f019eb184cf0c34bc5cfcb6198"


def test_a_native_file_of_version_1_is_the_model_that_it_was():
    found = read(NATIVE)
    assert found.digest() == DIGEST == read(SAMPLES / "dpa2_tiny.dp").digest()
    model = dpa2.load(NATIVE)
    with np.load(SAMPLES / "expected.npz") as expected:
        for frame in FRAMES:
            require_results(model, frame, expected)
