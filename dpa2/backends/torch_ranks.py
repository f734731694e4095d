"""Processes of PyTorch, one for each device, which `torchrun` starts: gloo on processors, NCCL on GPUs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from .differentiation import Arrays
from .ranks import exchange

PATIENCE = timedelta(minutes=30)  # for a process that is alive and does not answer, such as one that reads data


class TorchRanks:
    """The rank of this process, and `torch.distributed` to the others."""

    def __init__(self, device: str | None) -> None:
        import torch

        self.torch: Any = torch
        kind, _, number = (device or "cpu").partition(":")
        place = f"{kind}:{number or os.environ.get('LOCAL_RANK', '0')}" if kind == "cuda" else device
        if kind == "cuda":
            torch.cuda.set_device(place)
        with exchange("torch"):
            torch.distributed.init_process_group("cpu:gloo,cuda:nccl" if kind == "cuda" else "gloo", timeout=PATIENCE)
        self.count, self.own = torch.distributed.get_world_size(), (torch.distributed.get_rank(),)
        self.devices = (place,)

    def mean(self, own: Sequence[Arrays]) -> list[dict[str, Any]]:
        """Means over all ranks, exchanged as one vector."""
        (arrays,) = own
        whole = self.torch.cat([x.reshape(-1) for x in arrays.values()])
        with exchange("torch"):
            self.torch.distributed.all_reduce(whole)
        parts = self.torch.split(whole / self.count, [x.numel() for x in arrays.values()])
        return [{name: p.reshape(x.shape).to(x.dtype) for (name, x), p in zip(arrays.items(), parts, strict=True)}]

    def gathered(self, value: Any) -> list[Any]:
        """Return the values of all processes."""
        found = [None] * self.count
        with exchange("torch"):
            self.torch.distributed.all_gather_object(found, value)
        return found

    def from_first(self, value: Any) -> Any:
        """Return the value of the first process."""
        box = [value if 0 in self.own else None]
        with exchange("torch"):
            self.torch.distributed.broadcast_object_list(box, src=0)
        return box[0]

    def close(self) -> None:
        """End the group of processes."""
        self.torch.distributed.destroy_process_group()
