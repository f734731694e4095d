"""Devices of JAX that train together: those of one process, or of several that `jax.distributed` connects.

A mesh of all these devices has one axis, of ranks. The gradients of the ranks are the rows of one array that is sharded
along it; their mean is a compiled function whose result every device has, which JAX does by a collective.
"""

from __future__ import annotations

import inspect
import os
import pickle
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import BackendError, InputError
from .compiling import exactly
from .differentiation import Arrays
from .ranks import COORDINATOR, exchange

SMALLEST = 256  # bytes of a message: messages of one length have one compiled function
HEARTBEAT = 30  # seconds after which a machine that does not answer is given up


class JAXRanks:
    """The ranks of this process, one for each of its devices, and their mesh with all others.

    each: how many devices every process takes, beginning with the one that `device` names.
    """

    def __init__(self, device: str | None, each: int) -> None:
        import jax
        import jax.flatten_util

        self.jax: Any = jax
        if os.environ.get(COORDINATOR):
            start_processes()
        kind, _, number = (device or jax.default_backend()).partition(":")
        places = [self.chosen(kind, int(number or 0), each, process) for process in range(jax.process_count())]
        self.places = places[jax.process_index()]
        self.count = each * len(places)
        self.own = tuple(range(each * jax.process_index(), each * (jax.process_index() + 1)))
        self.devices = tuple(f"{kind}:{int(number or 0) + k}" for k in range(each))
        mesh = jax.sharding.Mesh(np.array(places).reshape(-1), ("rank",))
        rows, whole = jax.sharding.PartitionSpec("rank"), jax.sharding.PartitionSpec()
        self.split = jax.sharding.NamedSharding(mesh, rows)
        self.average = jax.jit(exactly(means_of_columns), out_shardings=jax.sharding.NamedSharding(mesh, whole))
        self.row = jax.jit(lambda arrays: jax.flatten_util.ravel_pytree(arrays)[0][None])
        self.known: dict[tuple, Callable] = {}

    def chosen(self, kind: str, first: int, each: int, process: int) -> list:
        """The devices of a process that train."""
        try:
            found = [place for place in self.jax.devices(kind) if place.process_index == process]
        except RuntimeError as error:
            raise BackendError(f"JAX has no device {kind!r}: {error}", backend="jax", hint="cpu") from error
        if len(found) < first + each:
            way = "for processors set XLA_FLAGS=--xla_force_host_platform_device_count=N"
            what = f"devices {first} to {first + each - 1} are to train, and JAX has {len(found)} of {kind!r} here"
            raise BackendError(f"{what}; {way}", backend="jax", hint=way)
        return found[first : first + each]

    def mean(self, own: Sequence[Arrays]) -> list[dict[str, Any]]:
        """Means over all ranks, exchanged as one vector of each rank."""
        rows = [self.row(dict(arrays)) for arrays in own]
        shape = self.count, rows[0].shape[1]
        with exchange("jax"):
            found = self.average(self.jax.make_array_from_single_device_arrays(shape, self.split, rows))
            parts = {shard.device: shard.data for shard in self.jax.block_until_ready(found).addressable_shards}
        means = [self.apart(own[0])(parts[place]) for place in self.places]
        return [{name: mean[name] for name in own[0]} for mean in means]

    def apart(self, arrays: Arrays) -> Callable:
        """A compiled function that makes arrays of such names and shapes of a vector."""
        key = tuple((name, x.shape, str(x.dtype)) for name, x in arrays.items())
        if key not in self.known:
            zeros = {name: np.zeros(x.shape, x.dtype) for name, x in arrays.items()}
            self.known[key] = self.jax.jit(self.jax.flatten_util.ravel_pytree(zeros)[1])
        return self.known[key]

    def gathered(self, value: Any) -> list[Any]:
        """Return the values of all processes."""
        if self.jax.process_count() == 1:
            return [value]
        from jax.experimental.multihost_utils import process_allgather

        message = np.frombuffer(pickle.dumps(value), dtype=np.uint8)
        with exchange("jax"):
            sizes = process_allgather(np.array([len(message)], dtype=np.int32)).reshape(-1)
            table = process_allgather(padded(message, room(int(sizes.max()))))
        return [pickle.loads(row[:size].tobytes()) for row, size in zip(table, sizes, strict=True)]

    def from_first(self, value: Any) -> Any:
        """Return the value of the first process."""
        if self.jax.process_count() == 1:
            return value
        from jax.experimental.multihost_utils import broadcast_one_to_all

        message = np.frombuffer(pickle.dumps(value if 0 in self.own else None), dtype=np.uint8)
        with exchange("jax"):
            size = int(broadcast_one_to_all(np.array([len(message)], dtype=np.int32))[0])
            whole = np.asarray(broadcast_one_to_all(padded(message[:size], size)))
        return pickle.loads(whole.astype(np.uint8).tobytes())

    def close(self) -> None:
        """Wait for the other processes, and leave them."""
        if self.jax.process_count() > 1:
            self.jax.distributed.shutdown()


def start_processes() -> None:
    """Connect this process with the others; what its variables do not say, JAX asks the cluster for."""
    import jax

    names = ("JAX_NUM_PROCESSES", "JAX_PROCESS_ID")
    count, number = (os.environ.get(name) for name in names)
    if (count is None) != (number is None):
        raise InputError(f"{names[0]} and {names[1]}: set both or neither", argument=names[0])
    known: dict[str, Any] = {} if count is None else {"num_processes": int(count), "process_id": int(number or 0)}
    options = {"heartbeat_timeout_seconds": HEARTBEAT}  # which older releases do not have
    takes = inspect.signature(jax.distributed.initialize).parameters
    known |= {name: value for name, value in options.items() if name in takes}
    with exchange("jax"):
        jax.distributed.initialize(os.environ[COORDINATOR], **known)


def means_of_columns(table: Any) -> Any:
    """The mean of the rows of a table."""
    return table.mean(axis=0)


def padded(message: np.ndarray, size: int) -> np.ndarray:
    """A message that is filled up with zeros."""
    return np.concatenate([message, np.zeros(size - len(message), dtype=np.uint8)])


def room(size: int) -> int:
    """A length that serves many messages.

    >>> room(5), room(257)
    (256, 512)
    """
    return max(SMALLEST, 1 << (size - 1).bit_length())
