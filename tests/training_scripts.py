"""Input scripts of the tests: one of a task, one of two heads, each with every section that is needed."""

from __future__ import annotations

import copy

DESCRIPTOR = {
    "type": "dpa2",
    "repinit": {"rcut": 6.0, "rcut_smth": 0.5, "nsel": 120},
    "repformer": {"rcut": 4.0, "rcut_smth": 3.5, "nsel": 48},
}
SINGLE = {
    "model": {"type_map": ["O", "H"], "descriptor": DESCRIPTOR, "fitting_net": {}},
    "learning_rate": {"start_lr": 1e-3, "stop_lr": 1e-8},
    "training": {"training_data": {"systems": "data"}, "numb_steps": 100},
}
HEADS = {
    "model": {
        "shared_dict": {"map": ["O", "H"], "d": DESCRIPTOR},
        "model_dict": {name: {"type_map": "map", "descriptor": "d", "fitting_net": {}} for name in ("sea", "ice")},
    },
    "learning_rate": {"start_lr": 1e-3, "stop_lr": 1e-8},
    "loss_dict": {"sea": {}, "ice": {"start_pref_v": 0.1, "limit_pref_v": 1}},
    "training": {
        "data_dict": {name: {"training_data": {"systems": [name]}} for name in ("sea", "ice")},
        "numb_steps": 100,
    },
}
GONE = object()  # stands for a key to leave out


def changed(script: dict, changes: dict) -> dict:
    """A copy of a script with other values at some paths, such as {"training.seed": 1}."""
    found = copy.deepcopy(script)
    for path, value in changes.items():
        *sections, key = path.split(".")
        section = found
        for name in sections:
            section = section.setdefault(name, {})
        if value is GONE:
            del section[key]
        else:
            section[key] = value
    return found
