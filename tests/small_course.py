"""A small training from a script: a tiny model, scattered atoms, a few steps."""

from __future__ import annotations

import os
from pathlib import Path

from training_data import write_folder
from training_scripts import changed

from dpa2.training.course import Ended, Options, Training
from dpa2.training.course.beginning import begin, resume
from dpa2.training.plan import plan_training
from dpa2.training.script.script import parse_script
from dpa2.training.start import fresh

MODEL = {
    "type_map": ["O", "H"],
    "descriptor": {
        "type": "dpa2",
        "repinit": {"rcut": 3.0, "rcut_smth": 0.5, "nsel": 8, "neuron": [2, 4], "axis_neuron": 2, "tebd_dim": 2},
        "repformer": {
            "rcut": 2.5, "rcut_smth": 0.5, "nsel": 6, "nlayers": 1, "g1_dim": 4, "g2_dim": 2, "axis_neuron": 1,
            "attn1_hidden": 2, "attn1_nhead": 1, "attn2_hidden": 2, "attn2_nhead": 1,
        },
        "seed": 1,
    },
    "fitting_net": {"neuron": [4], "seed": 2},
}  # fmt: skip
SCRIPT = {
    "model": MODEL,
    "learning_rate": {"start_lr": 1e-2, "stop_lr": 1e-3, "decay_steps": 2},
    "loss": {},
    "training": {
        "training_data": {"systems": ["first", "second"], "batch_size": 2},
        "validation_data": {"systems": ["other"], "batch_size": 3, "numb_btch": 2},
        "numb_steps": 6,
        "seed": 5,
        "disp_freq": 2,
        "save_freq": 3,
    },
}
HEADS = {
    "model": {
        "shared_dict": {"map": ["O", "H"], "d": MODEL["descriptor"]},
        "model_dict": {
            head: {"type_map": "map", "descriptor": "d", "fitting_net": MODEL["fitting_net"]} for head in ("ice", "sea")
        },
    },
    "learning_rate": SCRIPT["learning_rate"],
    "loss_dict": {"ice": {}, "sea": {}},
    "training": {
        "data_dict": {
            "ice": {"training_data": {"systems": ["first"], "batch_size": 1}},
            "sea": {"training_data": {"systems": ["second"], "batch_size": 2}},
        },
        "model_prob": {"ice": 1, "sea": 2},
        "numb_steps": 6,
        "seed": 5,
        "disp_freq": 2,
        "save_freq": 3,
    },
}


def write_data(place: Path) -> None:
    """Three systems: of three atoms, of five, and of four to validate on."""
    write_folder(place / "first", types=(1, 0, 1), frames=5, seed=1)
    write_folder(place / "second", types=(0, 1, 1, 1, 0), frames=4, seed=2)
    write_folder(place / "other", types=(0, 1, 1, 0), frames=5, seed=3)


def started(
    script: dict = SCRIPT, options: Options | None = None, library: str = "torch", count: bool = True, **changes
) -> Training:
    """A training in the present folder; changes by path, with "__" for points."""
    given = changed(script, {p.replace("__", "."): v for p, v in changes.items()})
    plan = plan_training(parse_script(given), count=count)
    return begin(plan, fresh(plan.script, library), options)


def resumed(file, script: dict = SCRIPT, library: str = "torch", **changes) -> Training:
    plan = plan_training(parse_script(changed(script, {p.replace("__", "."): v for p, v in changes.items()})))
    return resume(plan, file, library)


def ran_in(place: Path, training) -> Ended:
    """What a training ended with that is made by `training()` and runs in a folder of its own."""
    place.mkdir(exist_ok=True)
    for name in ("first", "second", "other"):
        if not (place / name).exists():
            os.symlink(place.parent / name, place / name)
    here = Path.cwd()
    os.chdir(place)
    try:
        return training().run()
    finally:
        os.chdir(here)
