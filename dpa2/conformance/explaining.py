"""Explanations of differences: results are compared with the reference altered by each known mistake."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from ..config import ENERGY
from ..evaluation.evaluate import evaluate
from ..evaluation.prepared import Prepared
from ..model.model import Model
from ..model.preparation import check_system, list_neighbors
from ..nn.module import recast
from ..tracing.trace import in_one_chunk, intermediates, neighbor_lists, values
from .causes.cause import AlteredModel, Cause, chain
from .comparison import DERIVATIVES, compared_in_turn, first_divergence
from .results import Checked
from .vectors import Vector


def altered(vector: Vector, dtype: str, *causes: Cause) -> Model:
    """Return the model of a vector with some mistakes in it, for values only."""
    config = chain(*(cause.config for cause in causes))(vector.config)
    model = replace(vector, config=config).model_in(dtype)
    weights = recast(chain(*(cause.weights for cause in causes))(model.weights), AlteredModel)
    program = chain(*(cause.program for cause in causes))
    return replace(model, weights=replace(weights, change=program))


def forward(vector: Vector, dtype: str, *causes: Cause) -> dict[str, np.ndarray]:
    """Return every intermediate up to the energy, or the value of another head, with some mistakes in them."""
    model = altered(vector, dtype, *causes)
    system = check_system(model.config, vector.system)
    found = list_neighbors(model.config, system, "truncate")
    ready = in_one_chunk(model, system, found)
    return neighbor_lists(model, found) | intermediates(model, ready) | of_head(model, ready)


def of_head(model: Model, ready: Prepared) -> dict[str, np.ndarray]:
    """Return the values of atoms and of the system."""
    program = model.weights.fold()
    if model.kind != ENERGY:
        out: Any = evaluate(model.config, program, model.backend, ready)[0]
        return values(out, model.backend.to_numpy)
    energy = np.asarray(program.vjp(ready.chunks, ready.inputs, model.backend)[0][0])[ready.plan.inverse]
    return {"atom_energy": energy[:, None], "energy": energy.sum(keepdims=True)}


@lru_cache(maxsize=512)  # a test suite asks for the same causes and vectors repeatedly
def altered_reference(vector: Vector, dtype: str, *causes: Cause) -> dict[str, np.ndarray]:
    """Return every intermediate but derivatives, computed with some mistakes."""
    with np.errstate(all="ignore"):
        return forward(vector, dtype, *causes)


def remaining(checked: Checked, *causes: Cause) -> str | None:
    """Return the first given intermediate that mistakes do not reproduce, or None; derivatives are left out."""
    vector, report = checked.vector, checked.report
    given = {name: array for name, array in checked.given.items() if name not in DERIVATIVES}
    found = compared_in_turn(altered_reference(vector, report.dtype, *causes), given, vector.occupied)
    divergence = first_divergence(found, report.tolerance)
    return None if divergence is None else divergence.finding.name


def first_change(checked: Checked, cause: Cause) -> str | None:
    """Return the first given intermediate of a vector that a mistake changes, or None."""
    vector, report = checked.vector, checked.report
    kept = [name for name in checked.given if name not in DERIVATIVES]
    reference, altered = vector.reference(report.dtype), altered_reference(vector, report.dtype, cause)
    findings = compared_in_turn(reference, {name: altered[name] for name in kept if name in altered}, vector.occupied)
    divergence = first_divergence(findings, report.tolerance)
    return None if divergence is None else divergence.finding.name
