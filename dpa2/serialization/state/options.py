"""Options that the script in an old checkpoint lacks, found from its arrays.

Source: section 10.2 of the description of formats.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy

from ..settings.script import KNOWN
from .names import EXPORTABLE, Dialect

State = Mapping[str, numpy.ndarray]


def completed(script: dict, state: State, dialect: Dialect) -> dict:
    """The model section with the options that it lacks; sections that are malformed are left for the checks."""
    model = {key: value for key, value in script.items() if key in KNOWN.model or key in ("model_dict", "model")}
    descriptor = model.get("descriptor")
    if not isinstance(descriptor, dict):
        return model
    repinit, repformer = descriptor.get("repinit"), descriptor.get("repformer")
    if not isinstance(repinit, dict) or not isinstance(repformer, dict):
        return model
    whole = {"use_tebd_bias": has(state, dialect, "descriptor.type_embedding.embedding.layers.0.@variables.b")}
    sections = {
        "repinit": repinit_options(state, dialect) | decided(repinit),
        "repformer": repformer_options(repformer, state, dialect) | decided(repformer),
    }
    return model | {"descriptor": whole | descriptor | sections}


def decided(section: dict) -> dict:
    """The settings that have a value; "auto" stands for a number that was to be counted in data."""
    return {key: value for key, value in section.items() if not (isinstance(value, str) and value.startswith("auto"))}


def repinit_options(state: State, dialect: Dialect) -> dict:
    place, three = "descriptor.repinit_variable.", "descriptor.repinit_three_body_variable."
    strip = has(state, dialect, f"{place}embeddings_strip.networks.0.layers.0.@variables.w")
    three_body = has(state, dialect, f"{three}@variables.davg")
    found = {"tebd_input_mode": "strip" if strip else "concat", "use_three_body": three_body}
    return (
        found
        | max_neighbors_of("nsel", state, dialect, place)
        | max_neighbors_of("three_body_sel", state, dialect, three)
    )


def repformer_options(section: dict, state: State, dialect: Dialect) -> dict:
    """Options of the repformer; the exportable dialect is newer than they are, so that a missing one is default."""
    place = "descriptor.repformers_variable."
    found = max_neighbors_of("nsel", state, dialect, place)
    if dialect == EXPORTABLE:
        return found
    layer = f"{place}repformer_layers.0."
    mlp = has(state, dialect, f"{layer}g1_self_mlp.@variables.w")
    found |= {"use_sqrt_nnei": False, "g1_out_mlp": mlp}
    return found | {"g1_out_conv": separate_convolution(section, state, dialect, layer, mlp)}


def separate_convolution(section: dict, state: State, dialect: Dialect, layer: str, mlp: bool) -> bool:
    """Return whether the convolution is projected to f, by the shape of its matrix or of the merging layer."""
    atom, pair, axis = (section.get(*item) for item in (("g1_dim", 128), ("g2_dim", 16), ("axis_neuron", 4)))
    project = state.get(dialect.name(f"{layer}proj_g1g2.@variables.w"))
    merge = state.get(dialect.name(f"{layer}linear1.@variables.w"))
    if project is None or merge is None or not all(isinstance(n, int) for n in (atom, pair, axis)):
        return False
    if atom != pair:
        return project.shape == (pair, atom)
    grrg, drrd = (bool(section.get(f"update_g1_has_{name}", True)) for name in ("grrg", "drrd"))
    return merge.shape[:1] == ((not mlp) * atom + grrg * pair * axis + drrd * atom * axis,)


def has(state: State, dialect: Dialect, place: str) -> bool:
    return dialect.name(place) in state


def max_neighbors_of(key: str, state: State, dialect: Dialect, place: str) -> dict:
    """The setting for the number of neighbors of a block, from the shape of its statistics."""
    mean = state.get(dialect.name(f"{place}@variables.davg"))
    return {key: mean.shape[1]} if mean is not None and mean.ndim == 3 else {}
