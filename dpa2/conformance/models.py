"""Models that cover all switches of the configuration pairwise, and structures with everything that is special."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..config import DPA2Config, ThreeBody
from ..model import Model
from ..system import System
from ..testing.weights import perturbed_model, small_config, small_repformer
from .cover import pairwise

BOTH = (True, False)
FACTORS = {
    "statistics": ("any", "centered"),
    "type_input": ("concat", "strip"),
    "one_sided": BOTH,
    "timestep": BOTH,
    "three_body": BOTH,
    "activation": ("tanh", "gelu", "silut:2"),
    "smooth": BOTH,
    "direct_distance": BOTH,
    "convolution": BOTH,
    "symmetrization": ("both", "pair", "neighbor"),
    "local_attention": BOTH,
    "pair_product": BOTH,
    "pair_attention": BOTH,
    "frame_attention": BOTH,
    "pair_attention_gate": BOTH,
    "separate_convolution": BOTH,
    "separate_mlp": BOTH,
    "root_normalization": BOTH,
    "residual": ("trainable", "average", "increment"),
    "append_type": BOTH,
    "add_type_to_repinit": BOTH,
    "type_bias": BOTH,
    "type_dim": (5, 4),
    "electron_configuration": (False, True),
    "protection": (0.0, 0.1),
    "excluded": ("none", "descriptor", "model"),
}
UPDATES = ("direct_distance", "convolution", "local_attention", "pair_product", "pair_attention", "frame_attention")
UPDATES += (
    "pair_attention_gate",
    "separate_convolution",
    "separate_mlp",
    "root_normalization",
    "residual",
    "activation",
)
WHOLE = ("smooth", "append_type", "add_type_to_repinit", "type_bias", "electron_configuration", "protection")


def configuration(row: dict) -> DPA2Config:
    """The small model with the switches of a row."""
    base, pairs = small_config(), ((0, 1),)
    inner = {key: row[key] for key in ("type_input", "type_dim", "one_sided", "timestep", "activation")}
    repformer = small_repformer(
        layers=2,
        pair_symmetrization=row["symmetrization"] in ("both", "pair"),
        neighbor_symmetrization=row["symmetrization"] in ("both", "neighbor"),
        **{key: row[key] for key in UPDATES},
    )
    return replace(
        base,
        repinit=replace(base.repinit, max_neighbors=row.get("most", 30), **inner),
        three_body=ThreeBody(cutoff=3.0, inner_cutoff=1.5, max_neighbors=row.get("most", 30) - 2, widths=(3, 6))
        if row["three_body"]
        else None,
        repformer=replace(repformer, max_neighbors=row.get("most", 30) - 1),
        fitting=replace(base.fitting, activation=row["activation"]),
        excluded_pairs=pairs if row["excluded"] == "descriptor" else (),
        model_excluded_pairs=pairs if row["excluded"] == "model" else (),
        **{key: row[key] for key in WHOLE},
    )


@dataclass(frozen=True)
class Subject:
    """A model and a structure to evaluate it on, with a name."""

    name: str
    model: Model
    system: System


def subjects() -> list[Subject]:
    """Every row of the cover with a structure; structures take turns, so that each has several models."""
    rows, places = pairwise(FACTORS), list(STRUCTURES)
    rows += [rows[k] for k in range(max(0, len(places) - len(rows)))]
    return [subject(k, row, places[k % len(places)]) for k, row in enumerate(rows)]


def subject(number: int, row: dict, place: str) -> Subject:
    """One model on one structure; where lists are to be cut short the model holds few neighbours."""
    row = row | ({"most": 4} if place == "binding" else {})
    model = perturbed_model(configuration(row), seed=number, statistics=row["statistics"])
    return Subject(f"{number:02d}-{place}", model, STRUCTURES[place]())


def moved(coordinates, types, cell=None) -> System:
    """Atoms a little off the places that are easy to write, which would hide mistakes."""
    generator, coordinates = np.random.default_rng(7), np.array(coordinates, dtype=float)
    return System(coordinates + generator.uniform(-0.1, 0.1, coordinates.shape), np.array(types), cell)


WATER = [[0.0, 0.0, 0.0], [0.96, 0.0, 0.1], [-0.3, 0.9, 0.0]]


def periodic() -> System:
    return moved(WATER, [0, 1, 1], np.diag([5.2, 5.6, 6.0]))


def triclinic() -> System:
    return moved(
        [*WATER, [2.0, 2.2, 1.8]], [0, 1, 1, 0], np.array([[5.8, 0.0, 0.0], [1.9, 5.6, 0.0], [-1.4, 0.9, 6.1]])
    )


def tiny() -> System:
    """A cell smaller than the cutoff: images of an atom are its own neighbours."""
    return moved([[0.1, 0.2, 0.3], [1.5, 1.3, 1.6]], [0, 1], np.diag([3.1, 3.3, 3.4]))


def cluster() -> System:
    return moved([*WATER, [2.4, -0.8, 0.7]], [0, 1, 1, 0])


def alone() -> System:
    return System(np.array([[0.4, 0.1, -0.3]]), np.array([1]))


def at_cutoffs() -> System:
    """Atoms exactly where a weight becomes 0, or begins to fall, of either block."""
    return System(np.array([[0.0, 0, 0], [3.2, 0, 0], [0, 4.0, 0], [0, 0, 1.2]]), np.array([0, 1, 1, 0]))


def binding() -> System:
    """More neighbours than the model holds."""
    return moved([[0, 0, 0], [1.1, 0, 0], [0, 1.2, 0], [0, 0, 1.3], [1.4, 1.3, 0], [0, 1.5, 1.4]], [0, 1, 1, 0, 1, 1])


def virtual() -> System:
    """An atom that is only there to fill up."""
    found = moved([*WATER, [5.0, 5.0, 5.0]], [0, 1, 1, 0])
    return System(found.coordinates, np.array([0, 1, 1, -1]))


STRUCTURES = {f.__name__: f for f in (periodic, triclinic, tiny, cluster, alone, at_cutoffs, binding, virtual)}
