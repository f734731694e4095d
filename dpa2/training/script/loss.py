"""The section `loss` of an input script, and those in `loss_dict`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ...config.parsing import Section
from ...config.rules import check, check_choice
from .plain import read_at, section_at
from .unsupported import refuse_unsupported

TERMS = {  # the terms of a loss by their short names, and the labels that each compares with
    "e": ("energy",),
    "f": ("force",),
    "v": ("virial",),
    "ae": ("atom_ener",),
    "pf": ("force", "atom_pref"),
    "gf": ("force", "drdq"),
}


@dataclass(frozen=True, kw_only=True)
class LossSection(Section):
    """The energy loss: prefactors of its terms at the start and at the limit of small rates, and their forms.

    Source: section 3 of the specification of training.
    """

    path: ClassVar[str] = "loss"
    type: str = "ener"
    start_pref_e: float = 0.02
    limit_pref_e: float = 1.0
    start_pref_f: float = 1000.0
    limit_pref_f: float = 1.0
    start_pref_v: float = 0.0
    limit_pref_v: float = 0.0
    start_pref_ae: float = 0.0
    limit_pref_ae: float = 0.0
    start_pref_pf: float = 0.0
    limit_pref_pf: float = 0.0
    start_pref_gf: float = 0.0
    limit_pref_gf: float = 0.0
    start_pref_h: float = 0.0
    limit_pref_h: float = 0.0
    numb_generalized_coord: int = 0
    use_default_pf: bool = False
    relative_f: float | None = None
    enable_atom_ener_coeff: bool = False
    loss_func: str = "mse"
    use_huber: bool = False
    huber_delta: float | tuple[float, float, float] = 0.01
    f_use_norm: bool = False
    intensive_ener_virial: bool = False

    def check_rules(self) -> None:
        check_choice(self, "type", ("ener", "ener_hess"))
        check_choice(self, "loss_func", ("mse", "mae"))
        norm = not self.f_use_norm or self.use_huber or self.loss_func == "mae"
        check(self, "f_use_norm", norm, "needs loss_func 'mae' or use_huber")
        huber = self.use_huber and self.loss_func == "mse"  # with "mae" it has no effect
        alone = not ({"pf", "gf"} & set(self.terms)) and self.relative_f is None
        check(self, "use_huber", not huber or alone, "cannot stand beside relative_f and terms pf or gf")
        check(self, "loss_func", self.loss_func == "mse" or "gf" not in self.terms, "a term gf needs 'mse'")
        counted = "gf" not in self.terms or self.numb_generalized_coord > 0
        check(self, "numb_generalized_coord", counted, "must be positive for a term gf")
        check(self, "relative_f", self.relative_f is None or self.relative_f > 0, "must be positive")
        check(self, "huber_delta", min(self.deltas) > 0, "must be positive")

    @property
    def terms(self) -> dict[str, tuple[float, float]]:
        """The terms that exist, with the prefactors at the start and at the limit: both of them are not zero."""
        pairs = {name: (getattr(self, f"start_pref_{name}"), getattr(self, f"limit_pref_{name}")) for name in TERMS}
        return {name: pair for name, pair in pairs.items() if all(pair)}

    @property
    def deltas(self) -> tuple[float, float, float]:
        """The limits between squares and absolute values: for energy, force and virial."""
        delta = self.huber_delta
        return delta if isinstance(delta, tuple) else (delta, delta, delta)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that the terms compare with, by the names of their files."""
        wanted = [label for name in self.terms for label in TERMS[name]]
        return tuple(dict.fromkeys([*wanted, *["atom_ener_coeff"] * self.enable_atom_ener_coeff]))


def read_loss(value: Any, path: str = LossSection.path) -> LossSection:
    """Return the settings of the loss that stands at a path of the script.

    Raises `UnsupportedModel` for another loss than that of energies, and for a term of the Hessian.

    >>> read_loss({"start_pref_v": 0.02, "limit_pref_v": 1}).labels
    ('energy', 'force', 'virial')
    """
    section = section_at(value, path)
    kind = section.get("type", "ener")
    if kind not in ("ener", "ener_hess"):
        refuse_unsupported(f"{path}.type", kind, "is not supported; only the loss of energies, 'ener', is")
    if section.get("start_pref_h") and section.get("limit_pref_h"):
        refuse_unsupported(f"{path}.start_pref_h", section["start_pref_h"], "a loss of the Hessian is not supported")
    return read_at(section, LossSection, path)
