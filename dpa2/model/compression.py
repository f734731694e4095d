"""How a model is compressed: its embedding net and its gate evaluated on a grid (specification section 13)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ..config import Compression, DPA2Config
from ..descriptor.repinit import Repinit
from ..descriptor.tables import Tables
from ..errors import InputError, UnsupportedModel
from ..nn.activations import activation, logistic
from ..nn.module import map_leaves
from ..structures.system import System
from .model import Model


def compress(model: Model, min_distance: float, step: float = 0.01, extrapolate: float = 5.0) -> Model:
    """The same model with tables in place of repinit's nets.

    min_distance: Å, how close atoms come, on which the table's fine part ends. step: of the fine part; the coarse one,
    up to `extrapolate` times the end of the fine one, has ten times that. With attention in repinit only the gate
    becomes a table.

    Raises `UnsupportedModel` for a model that cannot be compressed, with the reason.
    """
    for name, value in (("min_distance", min_distance), ("step", step), ("extrapolate - 1", extrapolate - 1)):
        if not (math.isfinite(value) and value > 0):
            raise InputError(f"{name} = {value}: must be a positive number", argument=name.split()[0])
    require_compressible(model.config)
    host = map_leaves(lambda name, array: model.backend.to_numpy(array).astype("float64"), model.weights)
    block, table = host.descriptor.repinit, host.descriptor.type_embedding.table()
    tables = make_tables(block, table, min_distance, step, extrapolate)
    tables = map_leaves(lambda name, array: array.astype(model.config.dtype), tables)
    tables = map_leaves(lambda name, array: model.backend.asarray(array), tables)
    count = 0 if tables.coefficients is None else tables.coefficients.shape[0]
    config = replace(model.config, repinit=replace(model.config.repinit, compression=Compression(intervals=count)))
    repinit = replace(model.weights.descriptor.repinit, tables=tables)
    weights = replace(model.weights, descriptor=replace(model.weights.descriptor, repinit=repinit))
    return Model(config, weights, model.backend, model.metadata | {"min_distance": float(min_distance)})


def closest_distance(model: Model, systems: Sequence[System]) -> float:
    """Å between the two atoms that are closest in any of the structures."""
    _, lists = model.with_neighbors(systems, "truncate")
    found = min((float(x.distance[x.index >= 0].min(initial=np.inf)) for x in lists), default=np.inf)
    if not np.isfinite(found):
        raise InputError("no two atoms of the structures are neighbours", argument="systems")
    return found


def table_error(model: Model) -> float:
    """The largest error of a model's table, midway between its knots where it is fine, of the largest value."""
    block = map_leaves(lambda name, array: model.backend.to_numpy(array), model.weights).descriptor.repinit
    if block.tables.coefficients is None:
        return 0.0
    low, high, _, step = (float(x) for x in block.tables.grid[:4])
    s = np.arange(low + 0.5 * step, high, step)
    exact = block.embedding.vjp(s[None, :])[0]
    rows = block.tables.coefficients[: len(s)].reshape(len(s), -1, 6)
    near = (rows * (0.5 * step) ** np.arange(6)).sum(axis=-1).T
    return float(np.abs(near - exact).max() / np.abs(exact).max())


def require_compressible(config: DPA2Config) -> None:
    """Refuse what has no tables, with the reason."""
    repinit = config.repinit
    reasons = {
        "it is compressed already": repinit.compression is not None,
        f"repinit.type_input = {repinit.type_input}: types must enter as a gate (strip)": repinit.type_input != "strip",
        "repinit.timestep: layers with a timestep have no table": repinit.timestep,
        f"precision {config.dtype}: tables are made in float64 and float32": config.dtype not in ("float64", "float32"),
        f"activation {repinit.activation} has no table": not repinit.attention
        and repinit.activation.lower() not in SECOND,
    }
    for reason, applies in reasons.items():
        if applies:
            raise UnsupportedModel(f"cannot be compressed: {reason}", what=reason)


def make_tables(block: Repinit, table: np.ndarray, closest: float, step: float, extrapolate: float) -> Tables:
    """The tables of a block on the host."""
    gate, n = block.fold(table).embedding.gate.T, table.shape[0]
    if len(gate) != n:
        gate = gate.reshape(n, n, -1).swapaxes(0, 1).reshape(n * n, -1)  # the centre's type slow
    if block.attention:
        return Tables(np.ascontiguousarray(gate), None, None)
    low, high = ends(block, closest)
    grid = np.array([low, high, extrapolate * high, step, 10.0 * step, -1.0])
    return Tables(np.ascontiguousarray(gate), coefficients(block.embedding, grid), grid)


def ends(block: Repinit, closest: float) -> tuple[float, float]:
    """The whole numbers between which s lies as long as no neighbour is closer.

    DeePMD-kit takes the widest of all four columns of the statistics, not of the radial one alone; so do we.
    """
    env = block.environment
    weight = float(env.switch_vjp(np.asarray(closest))[0])
    at = [(x - env.mean) / env.std for x in (0.0, weight / closest)]
    return float(np.floor(at[0]).min()), float(np.ceil(at[1]).max())


def coefficients(net, grid: np.ndarray) -> np.ndarray:
    """Quintics with the value, slope and curvature of a net at both ends of each interval (interval, channel · 6)."""
    low, high, end, fine, coarse = grid[:5]
    first = int((high - low) / fine)
    count = int((high - low) / fine + (end - high) / coarse)
    start = np.concatenate([low + fine * np.arange(first), high + coarse * np.arange(count - first)])
    length = np.where(np.arange(count) < first, fine, coarse)
    (v, d, c), (v1, d1, c1) = jets(net, start), jets(net, start + length)
    rise = v1 - v
    rows = [
        v,
        d,
        c / 2,
        (20 * rise - (8 * d1 + 12 * d) * length - (3 * c - c1) * length**2) / (2 * length**3),
        (-30 * rise + (14 * d1 + 16 * d) * length + (3 * c - 2 * c1) * length**2) / (2 * length**4),
        (12 * rise - 6 * (d1 + d) * length + (c1 - c) * length**2) / (2 * length**5),
    ]
    return np.ascontiguousarray(np.stack(rows, axis=-1).swapaxes(0, 1).reshape(count, -1))


def jets(net, s: np.ndarray):
    """Value, first and second derivative of a net of one number (channel, point), by the chain rule forwards."""
    x, dx, ddx = s[None, :], np.ones((1, len(s))), np.zeros((1, len(s)))
    for layer in net.layers:
        z, dz, ddz = (layer.weight.T @ a for a in (x, dx, ddx))
        z = z if layer.bias is None else z + layer.bias[:, None]
        y, pull = activation(layer.activation)(z)
        slope, bend = pull(np.ones_like(z)), SECOND[layer.activation.lower()](z)
        own = np.concatenate([np.stack([x, dx, ddx])] * layer.copies, axis=1) if layer.copies else np.zeros(3)
        x, dx, ddx = y + own[0], slope * dz + own[1], bend * dz * dz + slope * ddz + own[2]
    return x, dx, ddx


def tanh_bend(z):
    y = np.tanh(z)
    return -2.0 * y * (1.0 - y * y)


def gelu_bend(z):
    a, b = math.sqrt(2 / math.pi), 0.044715
    t, u, uu = np.tanh(a * (z + b * z**3)), a * (1 + 3 * b * z * z), 6 * a * b * z
    return (1 - t * t) * (u + 0.5 * z * (uu - 2 * t * u * u))


def softplus_bend(z):
    s = logistic(z)
    return s * (1 - s)


def sigmoid_bend(z):
    s = logistic(z)
    return s * (1 - s) * (1 - 2 * s)


def silu_bend(z):
    s = logistic(z)
    return s * (1 - s) * (2 + z * (1 - 2 * s))


SECOND: dict[str, Callable] = {  # second derivatives of the activations that can be tabulated
    "tanh": tanh_bend,
    "gelu": gelu_bend,
    "gelu_tf": gelu_bend,
    "softplus": softplus_bend,
    "sigmoid": sigmoid_bend,
    "silu": silu_bend,
    **dict.fromkeys(("relu", "relu6", "none", "linear"), np.zeros_like),
}
