"""Training: a whole one in one call, and its pieces for loops of one's own (`docs/training-in-python.md`).

>>> from dpa2 import training
>>> training.Prefactor(0.02, 1.0).at(0.5)
0.51
"""

from __future__ import annotations

from importlib import import_module

HOMES = {
    "train": "course.train",
    "Origin": "course.origin",
    "prepare": "course.beginning",
    "Ended": "course.training",
    "Training": "course.training",
    "Options": "course.options",
    "Shown": "course.watch",
    "Watch": "course.watch",
    "plan_training": "plan",
    "check_training": "check.check",
    "read_script": "script.file",
    "parse_script": "script.script",
    "loss_settings": "script.loss",
    "Labels": "losses",
    "Loss": "losses",
    "LossSettings": "losses",
    "Predictions": "losses",
    "Prefactor": "losses",
    "predictions_of": "losses",
    "real_atoms": "losses",
    "Batch": "steps",
    "OptimizerSettings": "steps",
    "Report": "steps",
    "Trainer": "steps",
    "make_batch": "steps",
    "trained": "steps",
    "shared": "start",
    "read_reference": "reference",
    "write_reference": "reference",
}

__all__ = list(HOMES)


def __getattr__(name: str):
    """Public names are imported when they are first used."""
    if name not in HOMES:
        raise AttributeError(f"module 'dpa2.training' has no attribute {name!r}")
    value = getattr(import_module(f".{HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted(__all__)
