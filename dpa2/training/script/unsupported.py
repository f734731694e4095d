"""Requests of a script that dpa2 does not serve: refused by name where they would change the model, else listed."""

from __future__ import annotations

from typing import Any, NoReturn

from ...errors import UnsupportedModel, shorten

# Keys of the section `training` that change no trained number: they are for other back ends, speed, or watching.
NO_EFFECT = (
    "mixed_precision", "acc_freq", "enable_compile", "enable_tf32", "neighbor_graph_method", "tensorboard",
    "tensorboard_log_dir", "tensorboard_freq", "profiling", "profiling_file", "enable_profiler",
)  # fmt: skip
NO_EFFECT_ELSEWHERE = (
    "learning_rate.scale_by_worker", "model.data_bias_nsample", "model.fitting_net.rcond",
    "model.descriptor.repformer.trainable_ln",
)  # fmt: skip
OTHER_OPTIMIZERS = ("LKF", "AdaMuon", "HybridMuon")


def refuse_unsupported(path: str, value: Any, why: str) -> NoReturn:
    """Raise `UnsupportedModel` for a setting that asks for what dpa2 does not do."""
    what = f"{path} = {shorten(value)}"
    raise UnsupportedModel(f"{what}: {why}", what=what)


def refuse_left_out(script: dict[str, Any]) -> None:
    """Refuse sections and keys of training that would change the result and are not supported."""
    training = script.get("training")
    stage = training.get("zero_stage") if isinstance(training, dict) else None
    if stage:
        refuse_unsupported("training.zero_stage", stage, "sharing of optimizer states is not supported; leave it out")
    validating, hardware = script.get("validating"), script.get("nvnmd")
    if isinstance(validating, dict) and validating.get("full_validation"):
        why = "validation on all data is not supported; use training.validation_data"
        refuse_unsupported("validating.full_validation", validating["full_validation"], why)
    if isinstance(hardware, dict) and hardware.get("enable"):
        refuse_unsupported("nvnmd.enable", hardware["enable"], "training for special hardware is not supported")


def without_effect(script: dict[str, Any]) -> tuple[str, ...]:
    """Return the paths of all keys in a script that are accepted and have no effect."""
    found: list[str] = [name for name in ("validating", "nvnmd") if name in script]
    training = script.get("training")
    found += [f"training.{key}" for key in training or () if key in (*NO_EFFECT, "zero_stage")]
    return (*found, *(path for path in NO_EFFECT_ELSEWHERE if has(script, path)))


def has(script: dict[str, Any], path: str) -> bool:
    """Return whether a script has a key at a path."""
    value: Any = script
    for key in path.split("."):
        if not isinstance(value, dict) or key not in value:
            return False
        value = value[key]
    return True
