"""Models that cover all switches of the configuration pairwise, and structures for all special cases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..config import Dipole, Dos, DPA2Config, Fitting, Polarizability, Property, Repformer, ThreeBody
from ..model.model import Model
from ..structures.system import System
from ..testing.weights import perturbed_model, small_config
from .cover import pairwise

BOTH = (True, False)
PLACES = ("periodic", "triclinic", "tiny", "cluster", "alone", "at_cutoffs", "binding", "virtual")
REPINIT = {
    "type_input": ("concat", "strip"),
    "one_sided": BOTH,
    "timestep": BOTH,
    "type_dim": (5, 4),
    "widths": ((4, 8), (2, 4), (1, 3, 3)),
}
REPFORMER = {
    "layers": (2, 3, 1),
    "direct_distance": BOTH,
    "convolution": BOTH,
    "local_attention": BOTH,
    "pair_product": BOTH,
    "pair_attention": BOTH,
    "frame_attention": BOTH,
    "pair_attention_gate": BOTH,
    "separate_convolution": BOTH,
    "separate_mlp": BOTH,
    "root_normalization": BOTH,
    "residual": ("trainable", "average", "increment"),
    "norm_epsilon": (1e-5, 1e-3),
}
FITTING = {
    "frame_parameters": (0, 2),
    "atom_parameters": (0, 1),
    "parameters_as_mask": BOTH,
    "case_dim": (0, 3),
}
WHOLE = {
    "smooth": BOTH,
    "append_type": BOTH,
    "add_type_to_repinit": BOTH,
    "type_bias": BOTH,
    "electron_configuration": (False, True),
    "protection": (0.0, 0.1),
    "excluded_types": ((), (1,)),
}
FACTORS: dict[str, tuple] = {
    "place": PLACES,
    "types": (("O", "H"), ("O", "H", "C", "N")),
    "three_body_widths": ((3, 6), (2, 4), (1, 3, 3)),
    "transform": ("to fewer", "none"),
    "fitting_skip": (False, True),
    "vacuum": BOTH,
    "statistics": ("any", "centered"),
    "three_body": BOTH,
    "activation": ("tanh", "gelu", "silut:2"),
    "symmetrization": ("both", "pair", "neighbor"),
    "excluded": ("none", "descriptor", "model"),
    "fitting_timestep": BOTH,
    **REPINIT,
    **REPFORMER,
    **FITTING,
    **WHOLE,
}
ROOMY, TIGHT = 30, 4  # max_neighbors of repinit; those of the other blocks are slightly smaller


def configuration(row: dict) -> DPA2Config:
    """Return the small configuration with the switches of a row; max_neighbors is small where lists must be cut."""
    base, most = small_config(), TIGHT if row["place"] == "binding" else ROOMY
    repinit = replace(base.repinit, max_neighbors=most, activation=row["activation"], **chosen(row, REPINIT))
    three_body = ThreeBody(cutoff=3.0, inner_cutoff=1.5, max_neighbors=most - 2, widths=row["three_body_widths"])
    config = replace(
        base,
        types=row["types"],
        repinit=repinit,
        three_body=three_body if row["three_body"] else None,
        repformer=replace(base.repformer, max_neighbors=most - 1),
        excluded_pairs=((0, 1),) if row["excluded"] == "descriptor" else (),
        model_excluded_pairs=((0, 1),) if row["excluded"] == "model" else (),
        **chosen(row, WHOLE),
    )
    config = replace(config, repformer=repformer(config, row))
    return replace(config, fitting=fitting(config, row))


def repformer(config: DPA2Config, row: dict) -> Repformer:
    """Return the settings of the repformer, whose layers may be as wide as the output of repinit: without a transform.

    With a three-body block there is always a transform, since DeePMD-kit cannot read a file of such a model without it.
    """
    none = row["transform"] == "none" and not row["three_body"]
    width = config.repinit_dim if none else config.repformer.atom_dim
    both = row["symmetrization"] == "both"
    return replace(
        config.repformer,
        atom_dim=width,
        activation=row["activation"],
        pair_symmetrization=both or row["symmetrization"] == "pair",
        neighbor_symmetrization=both or row["symmetrization"] == "neighbor",
        **chosen(row, REPFORMER),
    )


def fitting(config: DPA2Config, row: dict) -> Fitting:
    """Return the settings of a fitting net; if its first layer is as wide as its input, it has a skip connection."""
    energies = (-1.5, 0.25, 0.1, -0.3)[: len(config.types)] if row["vacuum"] else ()
    net = replace(config.fitting, activation=row["activation"], timestep=row["fitting_timestep"],
                  vacuum_energies=energies, **chosen(row, FITTING))  # fmt: skip
    wide = replace(config, fitting=net).fitting_dim
    return replace(net, widths=(wide, 7)) if row["fitting_skip"] else net


def chosen(row: dict, factors: dict) -> dict:
    """Return the values of some factors in a row."""
    return {name: row[name] for name in factors}


@dataclass(frozen=True)
class Subject:
    """A model and a structure to evaluate it on, with a name."""

    name: str
    model: Model
    system: System


def subjects() -> list[Subject]:
    """Return a model and a structure for every row of the cover, and first two with all blocks and updates."""
    return [subject(number, row) for number, row in enumerate([*complete(), *pairwise(FACTORS)])]


def complete() -> Iterator[dict]:
    """Yield rows with every block and update, one for each way in which types enter."""
    on = {name: values[0] for name, values in FACTORS.items()} | {"one_sided": False, "vacuum": False}
    yield on | {"type_input": "strip"}
    yield on | {"type_input": "concat", "smooth": False, "place": "triclinic", "protection": 0.1}


HEADS: dict[
    str, tuple[dict[str, Any], str]
] = {  # of the vectors of heads beside the energy: settings of the fitting net, and the structure
    "property": ({"property": Property(name="gap", components=3, intensive=True)}, "periodic"),
    "property_sum": ({"property": Property(name="gap", components=2)}, "virtual"),
    "dos": ({"dos": Dos(components=5)}, "tiny"),
    "dipole": ({"dipole": Dipole()}, "cluster"),
    "polarizability": (
        {"polarizability": Polarizability(diagonal=False, scale=(1.3, 0.6), constant=(0.2, -0.5))},
        "triclinic",
    ),
    "polarizability_diagonal": ({"polarizability": Polarizability(shifted=False)}, "binding"),
}


def heads() -> list[Subject]:
    """Return a model and a structure for each head beside the energy; those of sums have no excluded types."""
    first, found = next(complete()), []
    for number, (name, (settings, place)) in enumerate(HEADS.items()):
        row = first | {"place": place, "excluded_types": () if "sum" in name else (1,), "three_body": number % 2 == 0}
        config = configuration(row | {"smooth": number % 3 != 0})
        config = replace(config, fitting=replace(config.fitting, **settings))
        found.append(of_config(f"{name}-{place}", config, row, number))
    return found


def subject(number: int, row: dict) -> Subject:
    """Return the model and structure of a row, with parameters for the fitting net where it takes some."""
    return of_config(f"{number:02d}-{row['place']}", configuration(row), row, number)


def of_config(name: str, config: DPA2Config, row: dict, number: int) -> Subject:
    """Return the model of a configuration, and the structure of a row."""
    model = perturbed_model(config, seed=number, statistics=row["statistics"])
    system, fit, generator = STRUCTURES[row["place"]](), model.config.fitting, np.random.default_rng(number)
    later = (np.arange(len(system.types)) > 2) & (system.types >= 0) & (len(row["types"]) > 2)
    frame = generator.normal(size=fit.frame_parameters) if fit.frame_parameters else None
    atoms = generator.normal(size=(len(system.types), fit.atom_parameters)) if fit.atom_parameters else None
    types = np.where(later, system.types + 2, system.types)
    system = replace(system, types=types, frame_parameters=frame, atom_parameters=atoms)
    return Subject(name, model, system)


def moved(coordinates, types, cell=None) -> System:
    """Return a structure with slightly displaced atoms, since symmetric places would hide mistakes."""
    generator, coordinates = np.random.default_rng(7), np.array(coordinates, dtype=float)
    return System(coordinates + generator.uniform(-0.1, 0.1, coordinates.shape), np.array(types), cell)


WATER = [[0.0, 0.0, 0.0], [0.96, 0.0, 0.1], [-0.3, 0.9, 0.0]]


def periodic() -> System:
    """Return a structure with neighbours across the faces of its cell."""
    return moved([*WATER, [2.1, 2.0, 1.9]], [0, 1, 1, 0], np.diag([4.3, 4.1, 4.5]))


def triclinic() -> System:
    """Return a structure in an oblique cell."""
    cell = np.array([[4.4, 0.0, 0.0], [1.5, 4.1, 0.0], [-1.1, 0.7, 4.3]])
    return moved([*WATER, [2.2, 2.4, 1.8]], [0, 1, 1, 0], cell)


def tiny() -> System:
    """Return a structure in a cell smaller than the cutoff: images of an atom are its own neighbours."""
    return moved([[0.1, 0.2, 0.3], [1.5, 1.3, 1.6], [2.9, 0.4, 1.5]], [0, 1, 0], np.diag([3.3, 3.5, 3.6]))


def cluster() -> System:
    """Return a structure without a cell."""
    return moved([*WATER, [2.4, -0.8, 0.7], [-1.2, -1.0, 1.1]], [0, 1, 1, 0, 1])


def alone() -> System:
    """Return one atom without neighbours."""
    return System(np.array([[0.4, 0.1, -0.3]]), np.array([1]))


def at_cutoffs() -> System:
    """Return a structure with atoms exactly at both cutoffs of each block, as seen from the first atom."""
    distances = {0: 4.0, 1: 1.2, 2: 3.0, 3: -1.5, 4: 3.2, 5: -1.0}  # Å, along axis k % 3
    places = [[r * (axis == k % 3) for axis in range(3)] for k, r in distances.items()]
    return System(np.array([[0.0, 0.0, 0.0], *places]), np.array([0, 1, 1, 0, 1, 0, 1]))


def binding() -> System:
    """Return a structure with more neighbours than the model holds."""
    return moved([[0, 0, 0], [1.1, 0, 0], [0, 1.2, 0], [0, 0, 1.3], [1.4, 1.3, 0], [0, 1.5, 1.4]], [0, 1, 1, 0, 1, 1])


def virtual() -> System:
    """Return a structure with a virtual atom between the others."""
    return moved([*WATER, [0.7, 0.8, 0.9], [1.9, -0.9, 0.4]], [0, 1, 1, -1, 0])


STRUCTURES = {f.__name__: f for f in (periodic, triclinic, tiny, cluster, alone, at_cutoffs, binding, virtual)}
