"""A stand-in for CuPy: the functions of array_api_strict, on devices whose arrays NumPy cannot read by accident.

Beyond the standard there is what the back end calls, and nothing else: `asnumpy` and `cuda.Device`.
"""

from __future__ import annotations

import types

import array_api_strict
import numpy as np

HOST = array_api_strict.Device("CPU_DEVICE")
IDS = {0: "device1", 1: "device2"}


class Device(array_api_strict.Device):
    """A device by its number, as `cupy.cuda.Device`; without one, the current one, which it becomes in a context."""

    current = [0]

    def __init__(self, number: int | None = None):
        self.id = Device.current[-1] if number is None else number
        if self.id not in IDS:
            raise RuntimeError("cudaErrorInvalidDevice: invalid device ordinal")  # CuPy's words
        super().__init__(IDS[self.id])

    def __enter__(self):
        Device.current.append(self.id)
        return self

    def __exit__(self, *error):
        Device.current.pop()


class StandIn:
    """The namespace that CuPy's back end is given."""

    cuda = types.SimpleNamespace(Device=Device)

    def __getattr__(self, name: str):
        return getattr(array_api_strict, name)

    @staticmethod
    def asnumpy(x) -> np.ndarray:
        """Copy an array to the host."""
        return np.asarray(x.to_device(HOST))
