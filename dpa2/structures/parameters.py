"""Frame and atomic parameters: inputs of the fitting net of some models, besides the descriptor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..config import Fitting
from ..errors import InputError
from ..nn.arrays import Array
from .system import System


def with_defaults(system: System, fit: Fitting) -> System:
    """Return a checked system with the parameters that the fitting net takes; otherwise raise `InputError`."""
    if system.frame_parameters is None and fit.default_frame_parameters is not None:
        system = replace(system, frame_parameters=np.array(fit.default_frame_parameters))
    check_parameters("fparam", system.frame_parameters, fit.frame_parameters)
    check_parameters("aparam", system.atom_parameters, fit.atom_parameters)
    return system


def check_parameters(name: str, given: np.ndarray | None, wanted: int) -> None:
    """Raise an `InputError` unless there are as many parameters as the fitting net takes."""
    if given is None and wanted:
        raise InputError(f"{name}: the model takes {wanted} parameters, and none are given; pass {name}", argument=name)
    if given is not None and given.shape[-1] != wanted:
        raise InputError(f"{name}: {given.shape[-1]} parameters are given, the model takes {wanted}", argument=name)


def with_parameters(systems: Sequence[System], fparam: Array | None, aparam: Array | None) -> list[System]:
    """Return frames with their parameters, which are given for each frame or once for all."""
    count = len(systems)
    frame = [fparam] * count if fparam is None or np.ndim(fparam) == 1 else list(fparam)
    atom = [aparam] * count if aparam is None or np.ndim(aparam) == 2 else list(aparam)
    if len(frame) != count or len(atom) != count:
        rule = f"fparam is given for {len(frame)} frames and aparam for {len(atom)}, there are {count} frames"
        raise InputError(rule, argument="fparam" if len(frame) != count else "aparam")
    rows = zip(systems, frame, atom, strict=True)
    return [replace(s, frame_parameters=f, atom_parameters=a) for s, f, a in rows]
