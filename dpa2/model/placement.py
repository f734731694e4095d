"""Weights on a back end: in which library, on which device, in which precision."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from ..backends import backend as find_backend
from ..backends.protocol import Backend
from ..config import DPA2Config
from ..construction.precision import in_precision, precision
from ..errors import InputError
from ..nn.arrays import Array
from ..nn.module import Leaf, map_roles


def destination(
    config: DPA2Config,
    backend: str,
    device: str | None = None,
    dtype: Any = None,
    chunk: int | None = None,
    deterministic: bool = False,
) -> tuple[Backend, DPA2Config]:
    """Return a back end and the configuration in the precision that is wanted there.

    chunk: the number of atoms worked on together; if None, the back end's own, twice as many in lower precisions,
    which then take as many bytes. deterministic: whether sums over rows are made in a fixed order on every device.
    """
    if chunk is not None and (isinstance(chunk, bool) or not isinstance(chunk, Integral) or chunk < 1):
        raise InputError(f"chunk = {chunk!r}: must be a number of atoms, 1 or more, or None", argument="chunk")
    target = find_backend(backend, device)
    target = target.with_fixed_order() if deterministic else target
    config = config if dtype is None else in_precision(config, dtype)
    if chunk is not None:
        return target.with_shape(target.shape.of_size(chunk)), config
    return target if config.dtype == "float64" else target.with_shape(target.shape.doubled()), config


def moved(tree: Any, source: Backend | None, target: Backend, config: DPA2Config, done: dict) -> Any:
    """Return a tree of weights with its arrays on the back end `target`.

    source: the back end of the arrays; None for NumPy arrays. done: arrays that are there already, by identity and
    precision; models that share arrays share them afterwards, too.
    """

    def move(leaf: Leaf, array: Array) -> Array:
        dtype = precision(config, leaf, target.wide())
        key = id(array), dtype
        if key not in done:
            done[key] = array, target.asarray(array if source is None else source.to_numpy(array), dtype)
        return done[key][1]

    return map_roles(move, tree)
