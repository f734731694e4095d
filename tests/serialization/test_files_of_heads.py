"""Models of other heads are kept bit for bit in every format, built from their scripts, and named where refused."""

from __future__ import annotations

import copy
import dataclasses
import json

import numpy as np
import pytest
from heads import HEADS, ONE_OF_EACH, SAMPLES, expected, sample
from peer_files import SAMPLES as OF_ENERGIES
from tolerances import assert_close

import dpa2
from dpa2 import config, testing
from dpa2.errors import ConfigurationError, FormatError, InputError, TargetLacks, UnsupportedModel
from dpa2.serialization import config_to_script, contents, read, script_to_config, write
from dpa2.serialization.files import read_descriptor
from dpa2.serialization.formats.hdf5 import read_hdf5, write_hdf5

SUFFIXES = (".dp", ".yaml", ".json", ".safetensors", ".pt", ".jax", ".pd")
MULTITASK = OF_ENERGIES.parent / "genuine" / "dpa2_3.2.0_multitask_with_property.pt"


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("stem", ONE_OF_EACH)
def test_every_format_keeps_the_model_or_says_what_it_lacks(stem, suffix, tmp_path):
    source, target = HEADS / f"{stem}.dp", tmp_path / f"new{suffix}"
    if stem.startswith("drawn_polar") and suffix in (".pt", ".jax", ".pd"):
        with pytest.raises(TargetLacks, match="constant_matrix"):
            dpa2.convert(source, target)
        assert not target.exists()
        return
    assert dpa2.convert(source, target) == read(source).digest() == read(target).digest()


@pytest.mark.parametrize("suffix", [".pt", ".jax", ".pd"])
def test_the_scale_is_in_the_scripts_of_checkpoints(suffix, tmp_path):
    found = read(HEADS / "drawn_polar.dp")
    head = dataclasses.replace(found.config.fitting.polarizability, constant=None)
    fitting = dataclasses.replace(found.config.fitting, polarizability=head)
    changed = dataclasses.replace(found, config=dataclasses.replace(found.config, fitting=fitting))
    write(changed, tmp_path / f"new{suffix}")
    assert read(tmp_path / f"new{suffix}").config.fitting.polarizability.scale == (1.3, 0.7)
    assert read(tmp_path / f"new{suffix}").digest() == changed.digest()


def test_numbers_that_stand_for_themselves_give_the_same_digest():
    base = testing.small_config()
    heads = config.Polarizability(), config.Polarizability(scale=(1.0, 1.0), constant=(0.0, 0.0))
    one, other = (
        dataclasses.replace(base, fitting=dataclasses.replace(base.fitting, polarizability=head)) for head in heads
    )
    assert one == other
    assert one.to_dict() == other.to_dict()


@pytest.mark.parametrize("stem", ["property", "dos", "dipole", "polar"])
def test_models_are_built_from_their_scripts(stem):
    script = json.loads((HEADS / f"{stem}.input.json").read_text())["model"]
    model = dpa2.build(script, seed=1)
    assert (
        dataclasses.replace(model.config, fitting=dpa2.load(HEADS / f"{stem}.dp").config.fitting)
        == dpa2.load(HEADS / f"{stem}.dp").config
    )
    assert script_to_config(config_to_script(model.config)) == model.config
    assert model.kind == dpa2.load(HEADS / f"{stem}.dp").kind


def test_the_scale_of_a_script_is_one_number_or_one_for_each_type():
    script = json.loads((HEADS / "polar.input.json").read_text())["model"]
    for given in (2.5, [2.5, 2.5]):
        script["fitting_net"]["scale"] = given
        assert script_to_config(script).fitting.polarizability.scale == (2.5, 2.5)
    script["fitting_net"]["scale"] = [1.0, 2.0, 3.0]
    with pytest.raises(ConfigurationError, match=r"model.fitting_net.scale .*a number for each type"):
        script_to_config(script)


def test_keys_of_another_head_are_unknown():
    script = json.loads((HEADS / "dipole.input.json").read_text())["model"]
    script["fitting_net"]["task_dim"] = 3
    with pytest.raises(ConfigurationError, match="task_dim is no setting"):
        script_to_config(script)
    script["fitting_net"] = {"type": "denoise"}
    with pytest.raises(UnsupportedModel, match="must be one of ener, property, dos, dipole, polar"):
        script_to_config(script)


@pytest.mark.parametrize(
    ("fitting", "message"),
    [
        ({"dipole": config.Dipole(), "dos": config.Dos()}, "a model has one head"),
        ({"dipole": config.Dipole(), "vacuum_energies": (0.1, 0.2)}, "belongs to models that predict energies"),
        ({"polarizability": config.Polarizability(scale=(1.5,))}, "a number for each type"),
        ({"polarizability": config.Polarizability(scale=(1.0, 1.0, 1.0))}, "a number for each type"),
        ({"polarizability": config.Polarizability(constant=())}, "a number for each type"),
    ],
)
def test_settings_that_describe_no_head_are_refused(fitting, message):
    base = testing.small_config()
    with pytest.raises(ConfigurationError, match=message):
        dataclasses.replace(base, fitting=dataclasses.replace(base.fitting, **fitting))
    with pytest.raises(ConfigurationError, match="must be a word"):
        config.Property(name="band gap")


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"type": "denoise"}, UnsupportedModel, "must be one of ener, property"),
        ({"@version": 9}, UnsupportedModel, "Fitting version 9"),
        ({"@version": 3}, UnsupportedModel, "Fitting version 3"),
        ({"embedding_width": 7}, FormatError, "embedding_width"),
    ],
)
def test_a_tree_of_an_unknown_head_is_refused(change, error, message, tmp_path):
    tree = read_hdf5((HEADS / "dipole.dp").read_bytes())
    tree["model"]["fitting"] |= change
    (tmp_path / "changed.dp").write_bytes(write_hdf5(tree))
    with pytest.raises(error, match=message):
        read(tmp_path / "changed.dp")


def test_heads_of_all_kinds_are_loaded_side_by_side():
    models = dpa2.load_multitask(MULTITASK)
    assert {name: model.kind for name, model in models.items()} == {
        "water_1": "energy", "water_2": "energy", "prop": "property",
    }  # fmt: skip
    shared = "descriptor.repformer.pair_embedding.weight"
    assert np.shares_memory(models["prop"].state_dict()[shared], models["water_1"].state_dict()[shared])
    assert dpa2.load(MULTITASK, head="prop").kind == "property"
    assert contents(MULTITASK).known_heads == ("water_1", "water_2", "prop")


MULTITASK_SCRIPT = {
    "shared_dict": {
        "types": ["O", "H"],
        "dpa2": {
            "type": "dpa2",
            "repinit": {"rcut": 4.0, "rcut_smth": 0.5, "nsel": 20},
            "repformer": {"rcut": 3.0, "rcut_smth": 0.5, "nsel": 10},
        },
        "net": {"neuron": [8, 8]},
    },
    "model_dict": {
        "water": {"type_map": "types", "descriptor": "dpa2", "fitting_net": "net:1"},
        "gap": {
            "type_map": "types", "descriptor": "dpa2:1",
            "fitting_net": {"type": "property", "property_name": "gap", "task_dim": 2},
        },
    },
}  # fmt: skip


def test_a_head_of_a_multitask_script_is_a_script_of_its_own():
    water, gap = (script_to_config(MULTITASK_SCRIPT, head=head) for head in ("water", "gap"))
    assert (water.kind, gap.kind) == ("energy", "property")
    assert water.fitting.widths == (8, 8)
    assert gap.fitting.property.components == 2
    assert dpa2.build(gap).kind == "property"
    renamed = copy.deepcopy(MULTITASK_SCRIPT)
    renamed["model_dict"]["gap"]["model_branch_alias"] = ["band"]
    assert script_to_config(renamed, head="band") == gap


def test_a_head_that_a_script_does_not_have_is_named():
    for head in (None, "ice"):
        with pytest.raises(InputError, match="heads: water, gap") as caught:
            script_to_config(MULTITASK_SCRIPT, head=head)
        assert caught.value.heads == ["water", "gap"]
    broken = MULTITASK_SCRIPT | {"shared_dict": {}}
    with pytest.raises(ConfigurationError, match="is no part of shared_dict"):
        script_to_config(broken, head="water")
    alone = json.loads((HEADS / "dos.input.json").read_text())["model"]
    with pytest.raises(InputError, match="leave out"):
        script_to_config(alone, head="water")


OTHERS = {"spin": None, "zbl": None, "hybrid": None, "linear": "model.models.1.descriptor"}


@pytest.mark.parametrize("kind", OTHERS)
def test_the_descriptor_in_a_model_of_another_kind_is_the_reference_s(kind):
    file = HEADS / f"other_{kind}.dp"
    with pytest.raises(UnsupportedModel, match=r"type = .*dpa2.load_descriptor"):
        dpa2.load(file)
    structure, found = sample(f"other_{kind}")
    out = dpa2.load_descriptor(file, part=OTHERS[kind]).evaluate(**structure)
    for name, array in found.items():
        assert_close("samples", getattr(out, name), array, name)


@pytest.mark.parametrize("stem", ["dipole", "drawn_polar"])
def test_the_descriptor_of_a_model_of_any_head_is_the_model_s(stem):
    structure, _ = sample(stem)
    one, other = dpa2.load_descriptor(HEADS / f"{stem}.dp"), dpa2.load(HEADS / f"{stem}.dp").descriptor
    assert np.array_equal(one.evaluate(**structure).rotation, other.evaluate(**structure).rotation)


def test_a_file_with_several_descriptors_or_none_is_told():
    parts = ["model.models.0.descriptor", "model.models.1.descriptor"]
    for part in (None, "model.descriptor"):
        with pytest.raises(InputError, match="name one with part=") as caught:
            dpa2.load_descriptor(HEADS / "other_linear.dp", part=part)
        assert caught.value.parts == parts
    with pytest.raises(UnsupportedModel, match="no DPA-2 descriptor"):
        dpa2.load_descriptor(HEADS / "other_dpa1.dp")
    for file in ("other_zbl.dp", "dipole.dp"):
        with pytest.raises(InputError, match="without heads"):
            dpa2.load_descriptor(HEADS / file, head="water")
    with pytest.raises(InputError, match="leave it out"):
        dpa2.load_descriptor(HEADS / "polar.trainer_checkpoint.pt", part="model.descriptor")
    assert dpa2.load_descriptor(HEADS / "polar.trainer_checkpoint.pt", dtype="float32").config.dtype == "float32"


def test_pairs_that_a_model_of_models_excludes_are_not_ignored(tmp_path):
    tree = read_hdf5((HEADS / "other_linear.dp").read_bytes())
    tree["model"]["pair_exclude_types"] = [[0, 1]]
    (tmp_path / "x.dp").write_bytes(write_hdf5(tree))
    with pytest.raises(UnsupportedModel, match="pair_exclude_types"):
        dpa2.load_descriptor(tmp_path / "x.dp", part="model.models.0.descriptor")
    tree["model"]["pair_exclude_types"], tree["model"]["models"][0]["pair_exclude_types"] = [], [[0, 1]]
    (tmp_path / "y.dp").write_bytes(write_hdf5(tree))
    found = dpa2.load_descriptor(tmp_path / "y.dp", part="model.models.0.descriptor")
    assert found.config.model_excluded_pairs == ((0, 1),)


@pytest.mark.parametrize("shape", [(3, 1), (2,), None])
def test_a_scale_of_a_wrong_shape_is_refused(shape, tmp_path):
    tree = read_hdf5((HEADS / "polar.dp").read_bytes())
    tree["model"]["fitting"]["@variables"]["scale"] = None if shape is None else np.ones(shape)
    (tmp_path / "x.dp").write_bytes(write_hdf5(tree))
    with pytest.raises(FormatError, match=r"scale|setting"):
        read(tmp_path / "x.dp")


@pytest.mark.parametrize("given", [["polar"], {}, 5, None])
def test_a_type_of_fitting_net_that_is_no_word_is_refused(given, tmp_path):
    script = json.loads((HEADS / "polar.input.json").read_text())["model"]
    script["fitting_net"]["type"] = given
    with pytest.raises(UnsupportedModel, match="must be one of ener, property"):
        script_to_config(script)
    tree = read_hdf5((HEADS / "polar.dp").read_bytes())
    tree["model"]["fitting"]["type"] = given
    (tmp_path / "x.dp").write_bytes(write_hdf5(tree))
    with pytest.raises(UnsupportedModel, match="must be one of ener, property"):
        read(tmp_path / "x.dp")


def test_a_constant_matrix_is_no_key_of_scripts():
    script = json.loads((HEADS / "polar.input.json").read_text())["model"]
    script["fitting_net"]["constant_matrix"] = [0.1, 0.2]
    with pytest.raises(ConfigurationError, match="constant_matrix is no setting"):
        script_to_config(script)


def test_the_name_of_a_head_comes_before_the_other_names_of_others(tmp_path):
    torch = pytest.importorskip("torch")
    found = torch.load(MULTITASK, weights_only=True)
    heads = found["model"]["_extra_state"]["model_params"]["model_dict"]
    heads["prop"]["model_branch_alias"] = ["water_1", "gap"]
    torch.save(found, tmp_path / "aliases.pt")
    assert [dpa2.load(tmp_path / "aliases.pt", head=name).kind for name in ("water_1", "gap")] == ["energy", "property"]
    heads["water_2"]["model_branch_alias"] = ["gap"]
    torch.save(found, tmp_path / "twice.pt")
    with pytest.raises(FormatError, match="water_2 and prop have the same other name 'gap'"):
        dpa2.load(tmp_path / "twice.pt", head="gap")


def test_a_descriptor_alone_is_read():
    file = HEADS / "other_descriptor_only.yaml"
    with pytest.raises(UnsupportedModel, match=r"dpa2\.load_descriptor reads it"):
        dpa2.load(file)
    one, other = read_descriptor(file).weights, read(OF_ENERGIES / "dpa2_tiny.dp").weights
    names = {name for name in other if name.startswith("descriptor.")}
    assert {name for name in one if one[name].any() and name != "deviation"} <= names
    assert all(np.array_equal(one[name], other[name]) for name in names)


def test_samples_have_what_they_say():
    assert len(SAMPLES) == 11
    for stem in SAMPLES:
        model, (_, numbers) = dpa2.load(HEADS / f"{stem}.dp"), sample(stem)
        assert set(expected(model, numbers)) == {name for name in expected(model, numbers) if model.kind in name}
