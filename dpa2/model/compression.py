"""Compression of a model: tables in place of repinit's nets (specification section 13)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..backends.own_settings import undisturbed
from ..config import Compression, DPA2Config
from ..descriptor.tables import can_be_tabulated, make_tables, table_grid
from ..errors import InputError, UnsupportedModel
from ..nn.module import map_leaves
from ..structures.system import System
from .model import Model
from .preparation import with_neighbors

MOST_INTERVALS = 10**6  # in the fine part of a table


@undisturbed
def compress(model: Model, min_distance: float, step: float = 0.01, extrapolate: float = 5.0) -> Model:
    """Return the same model with tables in place of repinit's nets.

    min_distance: Å, how close atoms come, on which the table's fine part ends. step: of the fine part; the coarse one,
    up to `extrapolate` times the end of the fine one, has ten times that. With attention in repinit only the gate
    becomes a table.

    Raises `UnsupportedModel` for a model that cannot be compressed, with the reason.
    """
    for name, value in (("min_distance", min_distance), ("step", step), ("extrapolate - 1", extrapolate - 1)):
        if not (math.isfinite(value) and value > 0):
            raise InputError(f"{name} = {value}: must be a positive number", argument=name.split()[0])
    require_compressible(model.config)
    host = map_leaves(lambda name, array: array.astype("float64"), model.on_host())
    block, table = host.descriptor.repinit, host.descriptor.type_embedding.table()
    grid = None if block.attention else table_grid(block.environment, min_distance, step, extrapolate)
    require_affordable(grid, step)
    tables = make_tables(block.embedding, block.type_gate, table, grid)
    tables = map_leaves(lambda name, array: np.ascontiguousarray(array, model.config.dtype), tables)
    tables = map_leaves(lambda name, array: model.backend.asarray(array), tables)
    count = 0 if tables.coefficients is None else tables.coefficients.shape[0]
    config = replace(model.config, repinit=replace(model.config.repinit, compression=Compression(intervals=count)))
    repinit = replace(model.weights.descriptor.repinit, tables=tables)
    weights = replace(model.weights, descriptor=replace(model.weights.descriptor, repinit=repinit))
    metadata = model.metadata | {"min_distance": float(min_distance)}
    return replace(model, config=config, weights=weights, metadata=metadata, acceleration=None)


def require_affordable(grid, step: float) -> None:
    """Raise `InputError` if the fine part of a table has more intervals than a table can have."""
    low, high = (0.0, 0.0) if grid is None else (float(x) for x in grid[:2])
    if not (high - low) / step <= MOST_INTERVALS:
        rule = f"a table would have {(high - low) / step:.1e} intervals, more than {MOST_INTERVALS:.0e}"
        raise InputError(f"step = {step}: {rule}; take a longer step", argument="step")


def closest_distance(model: Model, systems: Sequence[System]) -> float:
    """Return the distance in Å of the two atoms that are closest in any of the structures."""
    _, lists = with_neighbors(model.config, systems, "truncate")
    found = min((float(x.distance[x.index >= 0].min(initial=np.inf)) for x in lists), default=np.inf)
    if not np.isfinite(found):
        raise InputError("no two atoms of the structures are neighbours", argument="systems")
    return found


def table_error(model: Model) -> float:
    """Return the largest error of a model's table midway between its fine knots, relative to the largest value."""
    block = model.on_host().descriptor.repinit
    tables = block.tables
    if tables is None or tables.coefficients is None or tables.grid is None:
        return 0.0
    low, high, _, step = (float(x) for x in tables.grid[:4])
    s = np.arange(low + 0.5 * step, high, step)
    exact = block.embedding.vjp(s[None, :])[0]
    rows = tables.coefficients[: len(s)].reshape(len(s), -1, 6)
    near = (rows * (0.5 * step) ** np.arange(6)).sum(axis=-1).T
    return float(np.abs(near - exact).max() / np.abs(exact).max())


def require_compressible(config: DPA2Config) -> None:
    """Raise `UnsupportedModel`, with the reason, for a configuration that has no tables."""
    repinit = config.repinit
    strip = "types must enter as a gate (strip), which is chosen before a training and cannot be changed afterwards"
    reasons = {
        "it is compressed already": repinit.compression is not None,
        f"repinit.type_input = {repinit.type_input}: {strip}": repinit.type_input != "strip",
        "repinit.timestep: layers with a timestep have no table": repinit.timestep,
        f"precision {config.dtype}: tables are made in float64 and float32": config.dtype not in ("float64", "float32"),
        f"activation {repinit.activation} has no table": not (
            repinit.attention or can_be_tabulated(repinit.activation)
        ),
    }
    for reason, applies in reasons.items():
        if applies:
            raise UnsupportedModel(f"cannot be compressed: {reason}", what=reason)
