"""Commands of a script whose meaning differs where the model's forces come from a fix, and not from a pair style."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...errors import InputError
from .script import Place, refused

FIX = "dpa2"  # the name of the fix that adds the model's forces
ADDING = re.compile(  # fixes whose work does not depend on forces that a later fix adds
    r"nve|nvt|npt|nph|nvk|box/relax|langevin|temp/|press/|ave/|print$|momentum|recenter|balance$|halt$|deform|viscous"
    r"|addforce$|addtorque$|spring|efield|dt/reset$|vector$|store/state|property/atom$|wall/|external$|move$|drag$"
)
SUMS = ("pe", "pe/atom", "stress/atom", "centroid/stress/atom", "pressure")  # computes with the keywords pair and fix
OF_PAIRS = ("pair", "pair/local", "group/group")  # computes of a pair style alone
SILENT = ("epair", "evdwl", "one", "multi")  # of thermo_style: columns of LAMMPS' own pair styles


def objection(name: str, given: Sequence[str], place: Place) -> InputError | None:
    """Return why a command cannot stand beside a model, wherever it stands; None if it can."""
    if name == "fix" and given[:1] == [FIX]:
        return refused(
            place, f"fix {FIX}: the name of the fix that adds the model's forces; take another", argument="fix"
        )
    if name == "compute" and len(given) > 2:
        return of_compute(given[2], given[3:], place)
    if name == "neigh_modify" and "exclude" in given:
        rule = "a model needs all neighbours of an atom; its energy would be that of another system"
        return refused(place, f"neigh_modify exclude: {rule}", argument="neigh_modify")
    if name == "run_style" and given[:1] != ["verlet"]:
        return refused(place, f"run_style {' '.join(given[:1])}: a model runs with verlet alone", argument="run_style")
    return None


def of_compute(style: str, options: Sequence[str], place: Place) -> InputError | None:
    """Return why a compute would leave the model out."""
    if style in SUMS and "pair" in options and "fix" not in options:
        rule = "the model's energy and virial enter as those of a fix; write `fix` in place of, or beside, `pair`"
        return refused(place, f"compute {style} with pair alone: {rule}", argument="compute")
    if style in OF_PAIRS and (style == "group/group" or {"dpa2", "deepmd"} & set(options)):
        return refused(place, f"compute {style}: a model is no sum over pairs; compute pe/atom has its energies")
    return None


def before_the_model(name: str, given: Sequence[str], place: Place) -> InputError | None:
    """Return why a command cannot stand before `pair_coeff`; LAMMPS calls fixes in the order of the script."""
    if name == "fix" and len(given) > 2 and not ADDING.match(given[2]):
        rule = "it may need the forces of the model, which come after it; put pair_style and pair_coeff in front of it"
        return refused(place, f"fix {given[0]} ({given[2]}): {rule}", argument="fix")
    return None


def hides_the_energy(given: Sequence[str]) -> bool:
    """Whether the columns of a `thermo_style` leave out the model's energy where one expects it."""
    return not set(SILENT).isdisjoint(given)
