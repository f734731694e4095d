"""The settings of a loss: its terms with their prefactors, and how deviations are measured."""

from __future__ import annotations

from dataclasses import dataclass, fields

from ...errors import ConfigurationError

MEASURES = ("squares", "absolute", "huber")
IN_SCRIPT = "(loss_func 'mae', or use_huber)"  # the words of a script for two of them


@dataclass(frozen=True)
class Prefactor:
    """The factor of a term, from `start` at the full learning rate to `limit` at rate zero."""

    start: float = 0.0
    limit: float = 0.0

    @property
    def active(self) -> bool:
        """Whether the term exists: both ends must be non-zero (specification of training, section 3.1)."""
        return self.start != 0.0 and self.limit != 0.0

    def at(self, ratio: float) -> float:
        """Return the factor where the learning rate is `ratio` times the full one."""
        return self.limit + (self.start - self.limit) * ratio


@dataclass(frozen=True)
class LossSettings:
    """The terms of a loss and their forms; the defaults are those of the reference.

    Parameters
    ----------
    energy, forces, virial, atom_energy, weighted_forces, generalized_forces
        The prefactors of the terms.
    measure
        How deviations count: by their "squares", by their "absolute" values, or by "huber", which is the square of
        small deviations and the absolute value of large ones.
    huber_delta
        Where Huber's function changes: for energies (eV per atom), forces (eV/Å) and virials (eV per atom).
    force_norm
        Whether the deviation of a force is the length of a vector, not its three components; not with squares.
    relative_forces
        The force (eV/Å) that is added to the length of a label before deviations are divided by it; None: they are
        not divided.
    weighted_energy
        Whether the energy is a sum of atomic energies with coefficients from the labels.
    intensive
        Whether energies and virials enter the loss per atom squared; otherwise one power of the number of atoms
        remains.
    default_weights
        Whether forces without weights have weight 1 in the weighted term; otherwise the term is then absent.
    coordinates
        The number of generalised coordinates.
    """

    energy: Prefactor = Prefactor(0.02, 1.0)
    forces: Prefactor = Prefactor(1000.0, 1.0)
    virial: Prefactor = Prefactor()
    atom_energy: Prefactor = Prefactor()
    weighted_forces: Prefactor = Prefactor()
    generalized_forces: Prefactor = Prefactor()
    measure: str = "squares"
    huber_delta: tuple[float, float, float] = (0.01, 0.01, 0.01)
    force_norm: bool = False
    relative_forces: float | None = None
    weighted_energy: bool = False
    intensive: bool = False
    default_weights: bool = False
    coordinates: int = 0

    def __post_init__(self) -> None:
        for path, wrong, rule in self.rules():
            if wrong:
                value = getattr(self, path)
                raise ConfigurationError(f"loss: {path} = {value!r}: {rule}", path=f"loss.{path}", value=value)

    def rules(self) -> list[tuple[str, bool, str]]:
        """Return, for each rule between settings: the setting, whether it is wrong, and the rule."""
        squares, huber = self.measure == "squares", self.measure == "huber"
        with_huber = 'cannot be combined with measure = "huber" (use_huber)'
        generalized = self.generalized_forces.active
        return [
            ("measure", self.measure not in MEASURES, f"must be one of {', '.join(MEASURES)}"),
            ("force_norm", self.force_norm and squares, f'needs measure = "absolute" or "huber" {IN_SCRIPT}'),
            ("weighted_forces", huber and self.weighted_forces.active, with_huber),
            ("generalized_forces", huber and generalized, with_huber),
            ("relative_forces", huber and self.relative_forces is not None, with_huber),
            ("generalized_forces", generalized and self.measure == "absolute", 'needs measure = "squares" (mse)'),
            ("coordinates", generalized and self.coordinates < 1, "must be positive for generalised forces (gf)"),
        ]

    def terms(self) -> dict[str, Prefactor]:
        """Return the prefactors of the terms that exist, by name."""
        given = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: p for name, p in given.items() if isinstance(p, Prefactor) and p.active}
