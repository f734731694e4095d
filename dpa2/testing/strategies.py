"""Hypothesis strategies: configurations over every option of DPA-2, and systems to evaluate them on."""

from __future__ import annotations

import numpy as np

from ..config import DPA2Config, Fitting, NeighborAttention, Repformer, Repinit, ThreeBody
from ..errors import require
from ..nn import activations as table
from ..structures.system import System
from .structures import random_system

THRESHOLD = 0.3  # within the range of what activations see, unlike the default of 3
THRESHOLDS = tuple(f"{key}:{THRESHOLD}" for key, entry in table.ACTIVATIONS.items() if entry.threshold is not None)
ACTIVATIONS = (*table.NAMES, *THRESHOLDS)
SMOOTH_ACTIVATIONS = tuple(key for key, entry in table.ACTIVATIONS.items() if entry.smooth)
ELEMENTS = ("O", "H", "C", "Na")


def strategies():
    """`hypothesis.strategies`, or a `MissingDependency` that says how to get it."""
    require("hypothesis", "test")
    from hypothesis import strategies

    return strategies


def systems(types: int = 2, *, atoms: tuple[int, int] = (1, 8), periodic: bool | None = None, virtual: bool = False):
    """Strategy for systems of a few atoms: clusters, and skewed cells that are smaller than two cutoffs.

    No two atoms are closer than 0.9 Å, and none has more than 60 neighbours within 4.5 Å.

    Parameters
    ----------
    types
        How many types there are; those of the system are indices below.
    atoms
        Smallest and largest number.
    periodic
        Whether there is a cell; either if None.
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


def configurations(*, activations=ACTIVATIONS, roomy: bool = True, parameters: bool = False, **fixed):
    """Strategy for valid `DPA2Config`s over every option that changes the function, attention in repinit included.

    Parameters
    ----------
    activations
        Names to choose from; `SMOOTH_ACTIVATIONS` are those with which energies have all derivatives.
    roomy
        Whether every list holds the neighbours of any of `systems`; otherwise a few only, so that they bind.
    parameters
        Whether the fitting net may take frame and atomic parameters that must be given.
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
        return drawn_config(lambda *choices: draw(st.sampled_from(choices)), activations, roomy, parameters, fixed)

    return draw_config()


def drawn_config(pick, activations, roomy: bool, parameters: bool, fixed: dict) -> DPA2Config:
    """A configuration, every choice made by `pick(*choices)`."""
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
        "fitting": drawn_fitting(pick, activations, parameters, len(types)),
        "smooth": pick(True, False),
        "append_type": pick(True, False),
        "add_type_to_repinit": pick(False, True),
        "electron_configuration": pick(False, False, True),
        "type_bias": pick(False, True),
        "excluded_pairs": pick((), (), ((0, last),), ((0, 0), (0, last))),
        "protection": pick(0.0, 0.05),
        "trainable": pick(True, True, False),
        "model_excluded_pairs": pick((), (), ((0, last),)),
        "excluded_types": pick((), (), (last,)),
    }
    return DPA2Config(**options | fixed)


def drawn_repinit(pick, activations, limit: int, types: int) -> Repinit:
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


def drawn_three_body(pick, repinit_limit: int, limit: int, repformer_limit: int) -> ThreeBody | None:
    """Absent, shorter than the repformer, or longer: its capacity then lies on the right side of the repformer's."""
    if not pick(True, False):
        return None
    cutoff = pick(3.5, 2.6) if repformer_limit <= limit else 2.6
    limit = limit if cutoff == 3.5 else min(limit, repformer_limit)
    return ThreeBody(
        cutoff=cutoff, inner_cutoff=pick(0.5, 2.0), max_neighbors=limit, widths=pick((3, 6), (2, 4), (1, 3), (3, 3))
    )


def drawn_repformer(pick, activations, limit: int, wide: int) -> Repformer:
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


def drawn_fitting(pick, activations, parameters: bool, types: int) -> Fitting:
    frame = pick(0, 2, 1)
    given = parameters and pick(True, False)
    return Fitting(
        widths=pick((6, 6), (5, 10, 10, 4), (7,), ()),
        activation=pick(*activations),
        timestep=pick(True, False),
        frame_parameters=frame,
        atom_parameters=pick(0, 3) if parameters else 0,
        default_frame_parameters=None if given or not frame else (0.3, -0.8)[:frame],
        case_dim=pick(0, 2),
        parameters_as_mask=pick(False, True) if parameters else False,
        vacuum_energies=pick((), (), (None, 0.5, 0.25, -1.0)[:types]),
    )
