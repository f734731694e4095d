"""Keys that moved from one section of an input script to another: older scripts still have them in `training`."""

from __future__ import annotations

from typing import Any

from ...config.rules import refuse

WARMUP = ("warmup_steps", "warmup_ratio", "warmup_start_factor")
OPTIMIZER = {  # keys of `training`, and their names in `optimizer`
    "opt_type": "type",
    **{
        key: key
        for key in (
            "weight_decay", "adam_beta1", "adam_beta2", "momentum", "lr_adjust", "lr_adjust_coeff", "muon_mode",
            "enable_gram", "flash_muon", "magma_muon", "kf_blocksize", "kf_start_pref_e", "kf_limit_pref_e",
            "kf_start_pref_f", "kf_limit_pref_f",
        )
    },
}  # fmt: skip


def upgraded(script: dict[str, Any]) -> dict[str, Any]:
    """Return a script with all keys in the sections where they belong today.

    A warm-up in both sections is refused; of an optimizer's setting the one in `training` counts, as in the reference.
    """
    training = script.get("training")
    if not isinstance(training, dict):
        return script
    rest = {key: value for key, value in training.items() if key not in (*WARMUP, *OPTIMIZER)}
    warmup = {key: training[key] for key in WARMUP if key in training}
    optimizer = {name: training[key] for key, name in OPTIMIZER.items() if key in training}
    found = script | {"training": rest}
    if warmup:
        found["learning_rate"] = joined(script.get("learning_rate", {}), warmup)
    if optimizer:
        given = script.get("optimizer", {})
        found["optimizer"] = given | optimizer if isinstance(given, dict) else given
    return found


def joined(rate: Any, warmup: dict[str, Any]) -> Any:
    """Return the section `learning_rate` with the warm-up that stood in `training`."""
    if not isinstance(rate, dict):
        return rate
    for key, value in warmup.items():
        if key in rate:
            refuse(f"training.{key}", value, f"stands beside learning_rate.{key}; give one of them")
    return rate | warmup
