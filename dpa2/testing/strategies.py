"""Hypothesis strategies: configurations that vary every setting of DPA-2, and systems to evaluate them on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..config import (
    ENERGY,
    Dipole,
    Dos,
    DPA2Config,
    Fitting,
    NeighborAttention,
    Polarizability,
    Property,
    Repformer,
    Repinit,
    ThreeBody,
)
from ..errors import require
from ..nn import activations as table
from ..structures.system import System
from .structures import random_system

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

THRESHOLD = 0.3  # within the range of the inputs of activations, unlike the default of 3
THRESHOLDS = tuple(f"{key}:{THRESHOLD}" for key, entry in table.ACTIVATIONS.items() if entry.threshold is not None)
ACTIVATIONS = (*table.NAMES, *THRESHOLDS)  # every name, and every kind with a threshold of its own
SMOOTH_ACTIVATIONS = tuple(key for key, entry in table.ACTIVATIONS.items() if entry.smooth)  # continuous derivatives
ELEMENTS = ("O", "H", "C", "Na")  # type names; the first few are drawn
DTYPES = ("float64",)  # the claims are made in float64 unless others are asked for


def strategies() -> Any:
    """Return the module `hypothesis.strategies`; raise `MissingDependency` if Hypothesis is not installed."""
    require("hypothesis", "test")
    from hypothesis import strategies

    return strategies


def systems(
    types: int = 2, *, atoms: tuple[int, int] = (1, 8), periodic: bool | None = None, virtual: bool = False
) -> SearchStrategy[System]:
    """Return a strategy for systems of a few atoms: clusters, and skewed cells smaller than two cutoffs.

    No two atoms are closer than 0.9 Å, and none has more than 60 neighbours within 4.5 Å.

    Parameters
    ----------
    types
        Number of types; those of the atoms are indices below it.
    atoms
        Smallest and largest number of atoms.
    periodic
        Whether there is a cell; None draws both.
    virtual
        Whether some of the atoms may be virtual (type -1).

    Examples
    --------
    >>> from hypothesis import given, settings
    >>> @settings(max_examples=5)
    ... @given(systems(periodic=True))
    ... def test(system):
    ...     assert system.cell.shape == (3, 3)
    >>> test()
    """
    st = strategies()

    @st.composite
    def draw_system(draw) -> System:
        generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1), label="seed"))
        cell = draw(st.booleans(), label="periodic") if periodic is None else periodic
        found = random_system(generator, draw(st.integers(*atoms), label="atoms"), types, cell)
        if virtual:
            hidden = generator.uniform(size=len(found.types)) < draw(st.sampled_from([0.0, 0.3, 1.0]), label="virtual")
            found = System(found.coordinates, np.where(hidden, -1, found.types), found.cell)
        return found

    return draw_system()


def configurations(
    *,
    activations: Sequence[str] = ACTIVATIONS,
    roomy: bool = True,
    parameters: bool = False,
    dtypes: Sequence[str] = DTYPES,
    kinds: Sequence[str] = (ENERGY,),
    **fixed: Any,
) -> SearchStrategy[DPA2Config]:
    """Return a strategy for valid `DPA2Config` objects that varies every setting, attention in repinit included.

    Compression is the exception: tables are made from a model by `dpa2.compress`, not from a configuration.

    Parameters
    ----------
    activations
        Names to draw from; with `SMOOTH_ACTIVATIONS`, energies have all derivatives.
    roomy
        Whether lists hold all neighbours in any of `systems`; otherwise they are so short that they are cut.
    parameters
        Whether the fitting net may take frame and atomic parameters that must be given.
    dtypes
        Precisions to draw from, for descriptor and fitting net each.
    kinds
        What the models predict, drawn from "energy", "property", "dos", "dipole" and "polarizability".
    **fixed
        Fields of `DPA2Config` that are not drawn, e.g. smooth=True.

    Examples
    --------
    >>> from hypothesis import given, settings
    >>> @settings(max_examples=5)
    ... @given(configurations(smooth=True))
    ... def test(config):
    ...     assert config.smooth and config.repinit.cutoff > config.repformer.cutoff
    >>> test()
    """
    st = strategies()

    @st.composite
    def draw_config(draw) -> DPA2Config:
        def pick(*choices):
            return draw(st.sampled_from(choices))

        return with_kind(pick, drawn_config(pick, activations, roomy, parameters, fixed, dtypes), kinds)

    return draw_config()


def drawn_config(
    pick: Callable, activations: Sequence[str], roomy: bool, parameters: bool, fixed: dict, dtypes=DTYPES
) -> DPA2Config:
    """Return a configuration with every choice made by `pick(*choices)`."""
    types = fixed.get("types") or ELEMENTS[: pick(2, 1, 3, 4)]
    limits = (80, 72, 64) if roomy else pick((12, 9, 5), (9, 7, 8), (20, 6, 4))
    repinit = drawn_repinit(pick, activations, limits[0], len(types))
    three_body = drawn_three_body(pick, *limits)
    wide = repinit.widths[-1] * repinit.axis + (three_body.widths[-1] if three_body else 0)
    repformer = drawn_repformer(pick, activations, limits[2], wide)
    last = len(types) - 1
    options = {
        "types": types,
        "repinit": repinit,
        "three_body": three_body,
        "repformer": repformer,
        "fitting": drawn_fitting(pick, activations, parameters, len(types), dtypes),
        "smooth": pick(True, False),
        "append_type": pick(True, False),
        "add_type_to_repinit": pick(False, True),
        "electron_configuration": pick(False, False, True),
        "type_bias": pick(False, True),
        "excluded_pairs": pick((), (), ((0, last),), ((0, 0), (0, last))),
        "protection": pick(0.0, 0.05),
        "dtype": pick(*dtypes),
        "trainable": pick(True, True, False),
        "model_excluded_pairs": pick((), (), ((0, last),)),
        "excluded_types": pick((), (), (last,)),
        "preset_bias": pick(None, None, (0.5, None, -1.0, 2.0)[: len(types)]),
    }
    return DPA2Config(**options | fixed)


def with_kind(pick: Callable, config: DPA2Config, kinds: Sequence[str]) -> DPA2Config:
    """Return the configuration of a model that predicts one of the kinds."""
    kind = pick(*kinds) if len(kinds) > 1 else kinds[0]
    if kind == ENERGY:
        return config
    head = SECTIONS[kind](pick, len(config.types))
    fitting = replace(config.fitting, vacuum_energies=(), **{kind: head})
    return replace(config, fitting=fitting, preset_bias=None)


SECTIONS: dict[str, Callable] = {  # a function of `pick` and the number of types that returns the section of a head
    "property": lambda pick, types: Property(
        name=pick("gap", "charge"),
        components=pick(1, 3),
        intensive=pick(True, False),
        by_type=pick(True, False),
    ),
    "dos": lambda pick, types: Dos(components=pick(4, 1)),
    "dipole": lambda pick, types: Dipole(),
    "polarizability": lambda pick, types: Polarizability(
        diagonal=pick(True, False),
        shifted=pick(True, False),
        scale=pick(None, (1.3, 0.7, 1.1, 0.9)[:types]),
        constant=pick(None, (0.2, -0.4, 0.0, 0.3)[:types]),
    ),
}


def drawn_repinit(pick: Callable, activations: Sequence[str], limit: int, types: int) -> Repinit:
    """Return the section of repinit, with `limit` as max_neighbors."""
    widths = pick((4, 8), (3,), (5, 10, 20), (1, 2, 4), (3, 3, 6, 5))
    attention = NeighborAttention(
        layers=pick(1, 2),
        dim=pick(3, 4),
        angular_gate=pick(True, False),
        normalize=pick(True, False),
        temperature=pick(None, 0.7),
        scaling=pick(1.0, 2.0),
        norm_epsilon=pick(1e-5, 1e-2),
    )
    return Repinit(
        cutoff=pick(4.0, 4.5, 3.7),
        inner_cutoff=pick(1.0, 0.0, 2.0),
        max_neighbors=limit,
        widths=widths,
        axis=pick(1, min(2, widths[-1]), min(4, widths[-1])),
        type_dim=pick(3, types, 2 * types, 1),
        type_input=pick("concat", "strip"),
        one_sided=pick(False, True),
        activation=pick(*activations),
        timestep=pick(False, True),
        zero_mean=pick(True, False),
        attention=pick(None, None, attention),
    )


def drawn_three_body(pick: Callable, repinit_limit: int, limit: int, repformer_limit: int) -> ThreeBody | None:
    """Return the three-body section, with a cutoff below or above that of the repformer, or None for no such block.

    A block with a longer cutoff must not hold fewer neighbours than one with a shorter cutoff.
    """
    if not pick(True, False):
        return None
    cutoff = pick(3.5, 2.6) if repformer_limit <= limit else 2.6
    limit = limit if cutoff == 3.5 else min(limit, repformer_limit)
    return ThreeBody(
        cutoff=cutoff, inner_cutoff=pick(0.5, 2.0), max_neighbors=limit, widths=pick((3, 6), (2, 4), (1, 3), (3, 3))
    )


def drawn_repformer(pick: Callable, activations: Sequence[str], limit: int, wide: int) -> Repformer:
    """Return the section of the repformer; `wide` is the width of repinit, with which no projection is needed."""
    merged = pick("pairs", "neighbors", "both", "own", "convolution")
    separate = pick(True, False) if merged != "convolution" else False
    return Repformer(
        cutoff=pick(3.0, 3.4, 2.7),
        inner_cutoff=pick(1.0, 0.0, 2.0),
        max_neighbors=limit,
        layers=pick(2, 3, 1),
        atom_dim=pick(6, 4, wide if wide < 30 else 5),
        pair_dim=pick(4, 3, 5),
        axis=pick(2, 1, 3),
        direct_distance=pick(False, True),
        convolution=merged == "convolution" or pick(True, False),
        pair_symmetrization=merged in ("pairs", "both"),
        neighbor_symmetrization=merged in ("neighbors", "both"),
        local_attention=pick(True, False),
        pair_product=pick(True, False),
        pair_attention=pick(True, False),
        frame_attention=pick(True, False),
        separate_convolution=separate,
        separate_mlp=merged != "own" and pick(True, False),
        attention_dim=pick(5, 3),
        attention_heads=pick(2, 1, 3),
        pair_attention_dim=pick(3, 4),
        pair_attention_heads=pick(2, 1, 3),
        pair_attention_gate=pick(True, False),
        activation=pick(*activations),
        residual=pick("trainable", "average", "increment"),
        residual_scale=pick(0.001, 0.1),
        residual_init=pick("normal", "constant"),
        zero_mean=pick(True, False),
        trainable_norm=pick(True, False),
        norm_epsilon=pick(1e-5, 1e-2),
        root_normalization=pick(True, False),
    )


def drawn_fitting(
    pick: Callable, activations: Sequence[str], parameters: bool, types: int, dtypes: Sequence[str]
) -> Fitting:
    """Return the section of the fitting net."""
    frame, widths = pick(0, 2, 1), pick((6, 6), (5, 10, 10, 4), (7,), ())
    given = parameters and pick(True, False)
    return Fitting(
        widths=widths,
        activation=pick(*activations),
        timestep=pick(True, False),
        dtype=pick(*dtypes),
        frame_parameters=frame,
        atom_parameters=pick(0, 3) if parameters else 0,
        default_frame_parameters=None if given or not frame else (0.3, -0.8)[:frame],
        case_dim=pick(0, 2),
        parameters_as_mask=pick(False, True) if parameters else False,
        vacuum_energies=pick((), (), (None, 0.5, 0.25, -1.0)[:types]),
        trainable=pick(True, False, (True, *[False] * len(widths))),
        bias_cutoff=pick(None, 1e-8),
    )
