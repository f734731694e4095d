"""Models of several heads are written as one checkpoint, in which what they share is kept once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from libraries import OTHERS
from references import DATA

import dpa2
from dpa2 import testing
from dpa2.errors import InputError, TargetLacks
from dpa2.serialization import config_to_script, contents
from dpa2.training.script.links import Link
from dpa2.training.start import shared

CONFIG = testing.small_config()


def heads(library: str = "numpy", level: int = 0) -> dict[str, dpa2.Model]:
    """Two models that share their descriptors."""
    pytest.importorskip(library)
    models = {name: testing.perturbed_model(CONFIG, seed=k, backend=library) for k, name in enumerate(("sea", "ice"))}
    return shared(models, [Link("descriptor", dict.fromkeys(models, level))])


def same_arrays(models: dict[str, dpa2.Model]) -> set[str]:
    """The names of the tensors that two models share."""
    first, second = (model.state_dict() for model in models.values())
    return {name for name in first if first[name] is second.get(name)}


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("library", ["numpy", *OTHERS])
def test_heads_read_back_to_the_bit_and_share_what_they_shared(library, level, tmp_path):
    models = heads(library, level)
    dpa2.save_multitask(models, tmp_path / "heads.pt")
    found = dpa2.load_multitask(tmp_path / "heads.pt", backend=library)
    assert list(found) == ["sea", "ice"]
    for head, model in models.items():
        assert found[head].checkpoint().digest() == model.checkpoint().digest()
        assert dpa2.load(tmp_path / "heads.pt", head=head).checkpoint().digest() == model.checkpoint().digest()
    assert same_arrays(models)
    assert same_arrays(found) == same_arrays(models)


def test_shared_tensors_are_kept_once_as_pytorch_does_it(tmp_path):
    torch = pytest.importorskip("torch")
    dpa2.save_multitask(heads(), tmp_path / "heads.pt")
    state = torch.load(tmp_path / "heads.pt", weights_only=True)["model"]
    names = [name for name in state if name.startswith("model.sea.") and state[name].numel()]
    once = {n for n in names if state[n].data_ptr() == state[n.replace("sea", "ice", 1)].data_ptr()}
    assert once == {name for name in names if ".descriptor." in name}


def test_a_genuine_file_is_written_as_it_was_shared(tmp_path):
    """With a transformation of types that heads do not share."""
    models = dpa2.load_multitask(DATA / "samples" / "dpa2_tiny_multitask.trainer_checkpoint.pt")
    dpa2.save_multitask(models, tmp_path / "heads.pt")
    found = dpa2.load_multitask(tmp_path / "heads.pt")
    assert same_arrays(found) == same_arrays(models)
    assert "descriptor.type_transform.weight" not in same_arrays(found)
    assert {head: m.checkpoint().digest() for head, m in found.items()} == {
        head: m.checkpoint().digest() for head, m in models.items()
    }


def test_each_head_has_its_own_section(tmp_path):
    models = heads()
    dpa2.save_multitask(models, tmp_path / "heads.pt")
    checkpoint = contents(tmp_path / "heads.pt").model("ice")
    assert checkpoint.metadata["script"] == config_to_script(models["ice"].config)


@pytest.mark.parametrize("name", ["", "a.b", "RANDOM"])
def test_names_that_no_head_can_have_are_refused(name, tmp_path):
    with pytest.raises(InputError, match="name of a head") as caught:
        dpa2.save_multitask({name: heads()["sea"]}, tmp_path / "heads.pt")
    assert caught.value.argument == "models"
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_one_file_is_refused(tmp_path):
    models = heads()
    others = testing.perturbed_model(testing.small_config(types=("Cu", "Zn")))
    refusals = [
        ({}, "heads.pt", "at least one"),
        (models, "heads.dp", "suffix must be .pt"),
        (models, "heads", "suffix must be .pt"),
        (models | {"metal": others}, "heads.pt", "'sea' and 'metal' have different types"),
    ]
    for given, file, message in refusals:
        with pytest.raises(InputError, match=message):
            dpa2.save_multitask(given, tmp_path / file)
    assert not list(tmp_path.iterdir())


def test_a_head_that_the_format_cannot_hold_names_the_file(tmp_path):
    gated = replace(CONFIG, repinit=replace(CONFIG.repinit, type_input="strip"))
    table = dpa2.compress(testing.perturbed_model(gated), 0.8)
    with pytest.raises(TargetLacks, match="compressed") as caught:
        dpa2.save_multitask({"water": table}, tmp_path / "heads.pt")
    assert caught.value.file == str(tmp_path / "heads.pt")
    assert not list(tmp_path.iterdir())


def test_an_existing_file_is_kept_if_so_told(tmp_path):
    (tmp_path / "heads.pt").write_bytes(b"old")
    with pytest.raises(InputError, match="exists"):
        dpa2.save_multitask(heads(), tmp_path / "heads.pt", overwrite=False)
    assert (tmp_path / "heads.pt").read_bytes() == b"old"
    dpa2.save_multitask(heads(), tmp_path / "heads.pt")
    assert len(dpa2.load_multitask(tmp_path / "heads.pt")) == 2
