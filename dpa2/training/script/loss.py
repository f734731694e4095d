"""The section `loss` of an input script, and those in `loss_dict`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ...config.parsing import Section
from ...config.rules import check, check_choice, refuse
from ...errors import ConfigurationError
from ..losses import TERMS, LossSettings, Prefactor
from .plain import read_at, section_at
from .unsupported import refuse_unsupported

SHORT = {term.short: name for name, term in TERMS.items()}  # the names of terms, by those in the keys of a script
SETTINGS = {  # settings of a loss, and their keys in a script
    "force_norm": "f_use_norm",
    "relative_forces": "relative_f",
    "weighted_energy": "enable_atom_ener_coeff",
    "intensive": "intensive_ener_virial",
    "default_weights": "use_default_pf",
    "coordinates": "numb_generalized_coord",
}
KEYS = SETTINGS | {name: f"start_pref_{short}" for short, name in SHORT.items()}


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
        try:
            deltas = self.settings.huber_delta
        except ConfigurationError as error:
            key = KEYS[str(error.facts["path"]).removeprefix("loss.")]
            refuse(self.place(key), getattr(self, key), str(error).split(": ", 2)[2])
        check(self, "relative_f", self.relative_f is None or self.relative_f > 0, "must be positive")
        check(self, "huber_delta", min(deltas) > 0, "must be positive")

    @property
    def settings(self) -> LossSettings:
        """The settings of the loss; Huber's function is ignored beside "mae", as in the reference."""
        ends = {name: (getattr(self, f"start_pref_{s}"), getattr(self, f"limit_pref_{s}")) for s, name in SHORT.items()}
        given: dict[str, Any] = {name: Prefactor(*pair) for name, pair in ends.items()}
        given |= {setting: getattr(self, key) for setting, key in SETTINGS.items()}
        squares = "huber" if self.use_huber else "squares"
        delta = self.huber_delta
        return LossSettings(
            **given,
            measure="absolute" if self.loss_func == "mae" else squares,
            huber_delta=delta if isinstance(delta, tuple) else (delta, delta, delta),
        )

    @property
    def terms(self) -> dict[str, Prefactor]:
        """The terms that exist, by the short names of the script."""
        return {TERMS[name].short: prefactor for name, prefactor in self.settings.terms().items()}

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the labels that the loss asks for."""
        wanted = [label for name in self.settings.terms() for label in TERMS[name].labels]
        return tuple(dict.fromkeys([*wanted, *["energy_coefficients"] * self.enable_atom_ener_coeff]))


def read_loss(value: Any, path: str = LossSection.path) -> LossSection:
    """Return the settings of the loss that stands at a path of the script.

    Raises `UnsupportedModel` for another loss than that of energies, and for a term of the Hessian.

    >>> read_loss({"start_pref_v": 0.02, "limit_pref_v": 1}).labels
    ('energy', 'forces', 'virial')
    """
    section = section_at(value, path)
    kind = section.get("type", "ener")
    if kind not in ("ener", "ener_hess"):
        refuse_unsupported(f"{path}.type", kind, "is not supported; only the loss of energies, 'ener', is")
    if section.get("start_pref_h") and section.get("limit_pref_h"):
        refuse_unsupported(f"{path}.start_pref_h", section["start_pref_h"], "a loss of the Hessian is not supported")
    return read_at(section, LossSection, path)


def loss_settings(section: Mapping[str, Any]) -> LossSettings:
    """Return the settings that a section `loss` of a script means; raises the errors of `read_loss`.

    >>> loss_settings({"start_pref_v": 0.1, "limit_pref_v": 1.0}).virial
    Prefactor(start=0.1, limit=1.0)
    """
    return read_loss(dict(section)).settings
