"""Arrays that several heads hold are one parameter."""

from __future__ import annotations

import numpy as np
import pytest
from references import DATA

import dpa2
from dpa2 import testing
from dpa2.training.losses import Labels, Loss
from dpa2.training.script.links import Link
from dpa2.training.start import shared
from dpa2.training.steps import Trainer, make_batch, parameters_of, trained

MULTITASK = DATA / "samples" / "dpa2_tiny_multitask.trainer_checkpoint.pt"


def common_in_the_reference(model: dpa2.Model) -> set[str]:
    """The parameters that heads share at level 0: the descriptor's, but not the transformation of types."""
    names = {name for name in trained(model) if name.startswith("descriptor.")}
    own = {"descriptor.type_transform.weight"}
    assert own < names
    return names - own


@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
def test_heads_of_a_file_share_what_they_share_in_the_file(library):
    pytest.importorskip(library)
    heads = dpa2.load_multitask(MULTITASK, backend=library)
    found = parameters_of(heads)
    first, second = heads
    common = {path for path, name in found.names[second].items() if name.startswith(f"{first}/")}
    assert common == common_in_the_reference(heads[second])
    assert len(found.arrays) == len(trained(heads[first])) + len(trained(heads[second])) - len(common)


def test_a_step_of_one_head_moves_what_the_other_shares():
    heads = dpa2.load_multitask(MULTITASK, backend="torch")
    first, second = heads
    training = Trainer(heads, Loss(), 0.1)
    frame = testing.water_box(2)
    labels = Labels(energy=np.zeros(1), forces=np.zeros((1, 6, 3)))
    training.step(make_batch(heads[first], [frame], labels, neighbors="truncate"), 0.1, first)
    before, after = heads[second].state_dict(), training.model(second).state_dict()
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert changed == common_in_the_reference(heads[second])


@pytest.mark.parametrize(("level", "apart"), [(0, ("bias", "deviation", "fitting.")), (1, ())])
def test_models_share_the_tensors_of_a_level(level, apart):
    config = testing.small_config(add_type_to_repinit=True)
    one, other = (testing.perturbed_model(config, seed=seed) for seed in (1, 2))
    first, second = (
        model.state_dict()
        for model in shared({"a": one, "b": other}, [Link("descriptor", {"a": 0, "b": level})]).values()
    )
    same = {name for name in first if first[name] is second[name]}
    if level == 1:
        assert same == {"descriptor.type_embedding.weight"}
        return
    assert same == {n for n in first if not n.startswith(apart) and not n.startswith("descriptor.type_transform.")}
    assert any("environment" in name for name in same)
    assert any("type_transform" in name for name in first)
