"""The ranks of a training on many devices: each has batches of its own, and all make the same steps.

On PyTorch a rank is a process, which `torchrun` starts; on JAX it is a device, of which a process may have several.
What they exchange goes through the library's own collectives. Source: section 11 of the specification of training.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from ..errors import BackendError, DPA2Error, InputError
from .differentiation import Arrays

Result = TypeVar("Result")
TORCHRUN = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")  # what torchrun tells its processes
COORDINATOR = "JAX_COORDINATOR_ADDRESS"  # where processes of JAX meet


class Ranks(Protocol):
    """The ranks of this process, and their exchange with all others.

    The methods are called in every process, in the same order, and return when all have called them. They raise
    `BackendError` where another process has ended.
    """

    @property
    def count(self) -> int:
        """The number of ranks in all processes."""

    @property
    def own(self) -> Sequence[int]:
        """The numbers of the ranks of this process."""

    @property
    def devices(self) -> Sequence[str | None]:
        """The devices of these, as the back end calls them; None for its default."""

    def mean(self, own: Sequence[Arrays]) -> list[dict[str, Any]]:
        """Return, for each rank of this process, the means over all ranks of arrays with equal names and shapes."""

    def gathered(self, value: Any) -> list[Any]:
        """Return the values of all processes, in the order of their ranks."""

    def from_first(self, value: Any) -> Any:
        """Return the value of the first process."""

    def close(self) -> None:
        """Leave the other processes, after the last exchange."""


class Alone:
    """One rank, which exchanges nothing."""

    count, own = 1, (0,)

    def __init__(self, device: str | None = None) -> None:
        self.devices = (device,)

    def mean(self, own: Sequence[Arrays]) -> list[dict[str, Any]]:
        """The arrays themselves."""
        return [dict(arrays) for arrays in own]

    def gathered(self, value: Any) -> list[Any]:
        """The value alone."""
        return [value]

    def from_first(self, value: Any) -> Any:
        """The value itself."""
        return value

    def close(self) -> None:
        """Nothing to leave."""


def connect(backend: str, device: str | None = None, devices: int = 1) -> Ranks:
    """Return the ranks of a training on a library, once all processes are there.

    Parameters
    ----------
    backend
        "torch" or "jax". Several processes of PyTorch are recognised by the variables that `torchrun` sets, those of
        JAX by JAX_COORDINATOR_ADDRESS (with JAX_NUM_PROCESSES and JAX_PROCESS_ID, where JAX does not know the cluster).
    device
        The device of a process; for several a kind, such as "cuda", of which each rank takes one.
    devices
        The number of devices of this process that train together; JAX alone has several.

    Raises
    ------
    InputError, BackendError
        The processes are started for another library, or there are not as many devices.
    """
    of_torch, of_jax = os.environ.get("WORLD_SIZE", "1") != "1", bool(os.environ.get(COORDINATOR))
    if devices < 1:
        raise InputError(f"devices = {devices}: must be 1 or more", argument="devices")
    if backend == "torch" and devices > 1:
        way = f"start one for each, as `torchrun --nproc_per_node {devices} -m dpa2 train ...`"
        raise InputError(f"devices = {devices}: a process of PyTorch trains on one device; {way}", argument="devices")
    if backend == "torch" and of_torch:
        from .torch_ranks import TorchRanks

        require_torchrun()
        return TorchRanks(device)
    if backend == "jax" and of_torch and not of_jax:
        way = f"for JAX set {COORDINATOR}, JAX_NUM_PROCESSES and JAX_PROCESS_ID, or use --devices"
        raise InputError(f"torchrun has started this process, and {backend} is to train: {way}", argument="backend")
    if backend == "jax" and (of_jax or devices > 1):
        from .jax_ranks import JAXRanks

        return JAXRanks(device, devices)
    return Alone(device)


def require_torchrun() -> None:
    """Raise `InputError` where a variable of torchrun is missing."""
    missing = [name for name in TORCHRUN if name not in os.environ]
    if missing:
        rule = "start the processes with torchrun, or set it in each"
        raise InputError(f"WORLD_SIZE is set and {missing[0]} is not: {rule}", argument="WORLD_SIZE")


def leads(ranks: Ranks) -> bool:
    """Return whether this process has the first rank, which writes all files and tells what happens."""
    return 0 in ranks.own


def together(ranks: Ranks, action: Callable[[], Result]) -> Result:
    """Return what an action gives in this process; if it fails in one process, all raise its error.

    Such an error is `shared`. The action exchanges nothing itself.
    """
    result, failure = attempted(action)
    raise_first(ranks.gathered(failure) if ranks.count > 1 else [failure])
    return result  # type: ignore[return-value]  # nothing has failed


def by_first(ranks: Ranks, action: Callable[[], Result]) -> Result:
    """Return in every process what an action gives in the first one, or raise its error."""
    result, failure = attempted(action) if leads(ranks) else (None, None)
    if ranks.count > 1:
        result, failure = ranks.from_first((result, failure))
    raise_first([failure])
    return result  # type: ignore[return-value]


def attempted(action: Callable[[], Result]) -> tuple[Result | None, DPA2Error | None]:
    """Return what an action gives, or its error."""
    try:
        return action(), None
    except DPA2Error as error:
        return None, error


def raise_first(failures: Sequence[DPA2Error | None]) -> None:
    """Raise the first error that there is, as one that all processes raise."""
    for failure in failures:
        if failure is not None:
            failure.shared = True
            raise failure


@contextmanager
def exchange(library: str) -> Iterator[None]:
    """Turn any error of an exchange into a `BackendError` that says what it means."""
    try:
        yield
    except Exception as error:  # each library of collectives has errors of its own
        first = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        way = "look at what it said, and go on with --restart and the last checkpoint"
        what = f"another process of this training has ended or does not answer: {way} ({library}: {first})"
        raise BackendError(what, backend=library, hint="--restart") from error
