"""The features of a golden vector: parts of its model and its structure that an implementation may lack."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

import numpy as np

from ..config import HEADS
from ..errors import InputError, refuse_unknown
from ..evaluation.evaluate import WORDS
from ..model.preparation import check_system, list_neighbors
from ..model.truncation import truncations
from .vectors import Vector

Test = Callable[[Vector], bool]


def of_kind(kind: str) -> Test:
    """Return the test whether the model of a vector predicts something."""
    return lambda vector: vector.config.kind == kind


FEATURES: dict[str, tuple[str, Test]] = {  # name: what a vector with it has, and the test for it
    "strip": (
        "types enter repinit as a gate (`tebd_input_mode: strip`)",
        lambda v: v.config.repinit.type_input == "strip",
    ),
    "concat": ("types enter repinit beside s (`concat`)", lambda v: v.config.repinit.type_input == "concat"),
    "two-sided": ("repinit's net depends on both types", lambda v: not v.config.repinit.one_sided),
    "three_body": ("the three-body block", lambda v: v.config.three_body is not None),
    "excluded_pairs": ("pairs excluded in the descriptor", lambda v: bool(v.config.excluded_pairs)),
    "model_excluded_pairs": ("pairs excluded in the model", lambda v: bool(v.config.model_excluded_pairs)),
    "excluded_types": ("types without energy", lambda v: bool(v.config.excluded_types)),
    "convolution": ("the convolution", lambda v: v.config.repformer.convolution),
    "local_attention": ("local attention", lambda v: v.config.repformer.local_attention),
    "pair_product": ("the product of g1 in g2", lambda v: v.config.repformer.pair_product),
    "pair_attention": ("attention among pairs", lambda v: v.config.repformer.pair_attention),
    "frame_attention": ("attention that updates h2", lambda v: v.config.repformer.frame_attention),
    "neighbor_symmetrization": ("symmetrization of g1", lambda v: v.config.repformer.neighbor_symmetrization),
    "pair_symmetrization": ("symmetrization of g2", lambda v: v.config.repformer.pair_symmetrization),
    "residual-trainable": ("residuals with weights", lambda v: v.config.repformer.residual == "trainable"),
    "residual-average": ("residuals that are averaged", lambda v: v.config.repformer.residual == "average"),
    "smooth": ("the smooth form of sums and attention", lambda v: v.config.smooth),
    "protection": ("1 / (r + protection)", lambda v: v.config.protection != 0),
    "electron_configuration": ("the electron configuration of types", lambda v: v.config.electron_configuration),
    "fparam": ("frame parameters", lambda v: v.system.frame_parameters is not None),
    "aparam": ("atomic parameters", lambda v: v.system.atom_parameters is not None),
    "case": (
        "the one-hot code of the task as input of the fitting net (`dim_case_embd`)",
        lambda v: v.config.fitting.case_dim > 0,
    ),
    "vacuum": (
        "the output at a descriptor of zeros is subtracted (`atom_ener`)",
        lambda v: bool(v.config.fitting.vacuum_energies),
    ),
    **{kind: (f"a model that predicts {WORDS[kind]}", of_kind(kind)) for kind in HEADS},
    "cell": ("a periodic cell", lambda v: v.system.cell is not None),
    "virtual": ("virtual atoms", lambda v: bool((np.asarray(v.system.types) < 0).any())),
    "truncated": ("more neighbours than the model holds", lambda v: is_cut(v)),
}


def is_cut(vector: Vector) -> bool:
    """Return whether a block's list of neighbours is cut short."""
    system = check_system(vector.config, vector.system)
    return any(truncations(vector.config, system, list_neighbors(vector.config, system, "truncate")))


def features(vector: Vector) -> tuple[str, ...]:
    """Return the names of the features that a vector has."""
    return tuple(name for name, (_, test) in FEATURES.items() if test(vector))


def without(vectors: Iterable[Vector], names: Collection[str]) -> list[Vector]:
    """Return the vectors without some features; raises `InputError` for an unknown one, or if none is left."""
    refuse_unknown(names, tuple(FEATURES), "--without")
    left = [vector for vector in vectors if not set(names) & set(features(vector))]
    if not left:
        raise InputError(f"every vector has {' or '.join(names)}; leave out fewer features", argument="without")
    return left
