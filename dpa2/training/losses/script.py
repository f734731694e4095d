"""The `loss` section of an input script as the settings of a loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import ConfigurationError
from .settings import LossSettings, Prefactor

TERMS = {
    "e": "energy",
    "f": "forces",
    "v": "virial",
    "ae": "atom_energy",
    "pf": "weighted_forces",
    "gf": "generalized_forces",
}
SAME = {
    "f_use_norm": "force_norm",
    "relative_f": "relative_forces",
    "enable_atom_ener_coeff": "weighted_energy",
    "intensive_ener_virial": "intensive",
    "use_default_pf": "default_weights",
    "numb_generalized_coord": "coordinates",
}
FUNCTIONS = ("mse", "mae")


def loss_settings(section: Mapping[str, Any]) -> LossSettings:
    """Return the settings that a `loss` section means; keys that are absent have the reference's defaults.

    Raises `ConfigurationError` for a value that the reference refuses.

    >>> loss_settings({"start_pref_v": 0.1, "limit_pref_v": 1.0}).virial
    Prefactor(start=0.1, limit=1.0)
    """
    given: dict[str, Any] = {ours: section[theirs] for theirs, ours in SAME.items() if theirs in section}
    given |= {ours: prefactor(section, short, getattr(LossSettings(), ours)) for short, ours in TERMS.items()}
    return LossSettings(**given, measure=measure(section), huber_delta=deltas(section))


def prefactor(section: Mapping[str, Any], short: str, default: Prefactor) -> Prefactor:
    """Return the prefactor of a term."""
    start, limit = (f"{end}_pref_{short}" for end in ("start", "limit"))
    return Prefactor(float(section.get(start, default.start)), float(section.get(limit, default.limit)))


def measure(section: Mapping[str, Any]) -> str:
    """Return how deviations count; Huber's function is ignored beside "mae", as in the reference."""
    function = section.get("loss_func", "mse")
    if function not in FUNCTIONS:
        rule = f"loss: loss_func = {function!r}: must be one of {', '.join(FUNCTIONS)}"
        raise ConfigurationError(rule, path="loss.loss_func", value=function)
    if function == "mae":
        return "absolute"
    return "huber" if section.get("use_huber", False) else "squares"


def deltas(section: Mapping[str, Any]) -> tuple[float, float, float]:
    """Return where Huber's function changes, for energies, forces and virials."""
    given = section.get("huber_delta", 0.01)
    if not isinstance(given, list | tuple):
        return (float(given),) * 3
    if len(given) != 3:
        rule = f"loss: huber_delta = {given!r}: must be one number, or three (energy, force, virial)"
        raise ConfigurationError(rule, path="loss.huber_delta", value=given)
    energy, force, virial = map(float, given)
    return energy, force, virial
