"""The evaluation of prepared systems with a model of any kind."""

from __future__ import annotations

from ..config import ENERGY, DPA2Config
from ..errors import InputError
from ..fitting.atomic_model import AtomicProgram
from .forces import evaluate_prepared
from .library import Library
from .outputs import Result
from .prepared import Prepared
from .values import evaluate_values

WORDS = {  # what models of each kind predict
    ENERGY: "energies",
    "property": "a property",
    "dos": "densities of states",
    "dipole": "dipoles",
    "polarizability": "polarizabilities",
}


def evaluate(
    config: DPA2Config,
    program: AtomicProgram,
    backend: Library,
    ready: Prepared,
    *,
    atom_virial: bool = False,
    gradient: bool = False,
) -> list[Result]:
    """Return an `Evaluation`, or the class of `OUTPUTS` for the kind of the model, for each prepared system.

    Raises `InputError` for what a model of this kind does not have.
    """
    require_outputs(config, atom_virial, gradient)
    if config.kind == ENERGY:
        return evaluate_prepared(program, backend, ready, atom_virial)
    return evaluate_values(config, program, backend, ready, gradient)


def require_outputs(config: DPA2Config, atom_virial: bool, gradient: bool) -> None:
    """Raise `InputError` for something that models of other kinds give."""
    if atom_virial and config.kind != ENERGY:
        rule = f"belongs to energies, and this model predicts {in_words(config)}; `gradient=True` gives its derivatives"
        raise InputError(f"atom_virial: {rule}", argument="atom_virial")
    if gradient and config.kind == ENERGY:
        rule = "belongs to models of other kinds; minus the gradient of an energy are the `forces` of every evaluation"
        raise InputError(f"gradient: {rule}", argument="gradient")


def in_words(config: DPA2Config) -> str:
    """Return what a model predicts, such as "dipoles" or "the property band_gap"."""
    named = config.fitting.property
    return f"the property {named.name}" if named and named.name != "property" else WORDS[config.kind]
