"""Scripts, data and samples of the tests of how a training starts."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence

import numpy as np
from training_data import FOLDERS, TRAINING

import dpa2
from dpa2.structures.datasets import Frame
from dpa2.training.data.feed import Feed
from dpa2.training.data.kept_lists import KeptLists
from dpa2.training.data.source import read_source
from dpa2.training.preparation import sampled_frames
from dpa2.training.script.data import TrainingDataSection
from dpa2.training.script.script import Script, parse_script
from dpa2.training.steps.parameters import ALONE

LITTLE = {  # settings of a descriptor that takes a moment
    "type": "dpa2",
    "repinit": {
        "rcut": 3.5, "rcut_smth": 0.5, "nsel": 30, "neuron": [2, 4], "axis_neuron": 2, "tebd_dim": 3,
        "use_three_body": True, "three_body_neuron": [2], "three_body_rcut": 2.8, "three_body_sel": 20,
        "set_davg_zero": False,
    },
    "repformer": {
        "rcut": 2.8, "rcut_smth": 0.5, "nsel": 20, "nlayers": 1, "g1_dim": 4, "g2_dim": 3, "axis_neuron": 2,
        "attn1_hidden": 2, "attn1_nhead": 1, "attn2_hidden": 2, "attn2_nhead": 1, "update_style": "res_residual",
        "set_davg_zero": False,
    },
    "seed": 3,
}  # fmt: skip
NET = {"neuron": [5, 5], "seed": 4}
RATE = {"start_lr": 1e-3, "stop_lr": 1e-8}


def data(name: str, batch: int = 2, **more) -> dict:
    return {"training_data": {"systems": [str(FOLDERS[name])], "batch_size": batch}, **more}


def single(model: dict | None = None, name: str = "sysB", **more) -> Script:
    """A script of one task; `model` replaces keys of its section."""
    section = {"type_map": ["O", "H"], "descriptor": LITTLE, "fitting_net": NET} | (model or {})
    return script({"model": section, "loss": {}, "training": {"numb_steps": 1, **data(name), **more}})


def several(heads: dict[str, dict], model: dict | None = None, **more) -> Script:
    """A script of several heads with one descriptor; each is given by keys of its section, and `data` for its data."""
    heads = {name: dict(section) for name, section in heads.items()}
    chosen = {name: section.pop("data", "sysB") for name, section in heads.items()}
    options = {name: section.pop("options", {}) for name, section in heads.items()}
    usual = {"type_map": "types", "descriptor": "d", "fitting_net": NET}
    section = {"shared_dict": {"types": ["O", "H"], "d": LITTLE, "f": NET}} | (model or {})
    section["model_dict"] = {name: usual | own for name, own in heads.items()}
    training = {"numb_steps": 1, "data_dict": {n: data(folder, **options[n]) for n, folder in chosen.items()}} | more
    return script({"model": section, "loss_dict": {name: {} for name in heads}, "training": training})


def script(given: dict) -> Script:
    return parse_script(copy.deepcopy({"learning_rate": RATE} | given))


def of_reference(run: str, name: str = "", batch_size: int = 0, type_map: Sequence[str] = ()) -> Script:
    """The script of one of the reference's runs, with other data or types if they are given."""
    given = json.loads((TRAINING / run / "input.json").read_text().replace("../data/", f"{TRAINING / 'data'}/"))
    if name:
        given["training"] |= data(name, batch_size)
    if type_map:
        given["model"]["type_map"] = list(type_map)
    return parse_script(given)


def samples(given: Script) -> dict[str, Callable[[], Sequence[Frame]]]:
    """What `with_data` takes: for each head a function that returns all that statistics are taken from."""
    return {task.head or ALONE: lambda t=task: frames(given, t) for task in given.tasks}


def frames(given: Script, task) -> Sequence[Frame]:
    config, section = given.config(task.head), task.training_data
    assert isinstance(section, TrainingDataSection)
    feed = Feed(config, read_source(section, config.types), (), KeptLists(config))
    return sampled_frames(feed, task.statistics.data_stat_nbatch, 1)


def same(one: dpa2.Model, other: dpa2.Model) -> set[str]:
    """The names of tensors that are equal."""
    first, second = one.state_dict(), other.state_dict()
    assert first.keys() == second.keys()
    return {name for name in first if np.array_equal(first[name], second[name])}


def common(one: dpa2.Model, other: dpa2.Model) -> set[str]:
    """The names of tensors that are one and the same array."""
    first, second = one.state_dict(), other.state_dict()
    return {name for name in first if first[name] is second.get(name)}
