"""Frame and atomic parameters: inputs of the fitting net of some models, besides the descriptor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..config import Fitting
from ..errors import InputError
from ..nn.arrays import Array
from .datasets import opened as read_numbers
from .system import System, host_array


def with_defaults(system: System, fit: Fitting) -> System:
    """Return a checked system with the parameters that the fitting net takes, and without others.

    Raises `InputError` where the net takes some and they are missing, or are not as many.
    """
    if system.frame_parameters is None and fit.default_frame_parameters is not None:
        system = replace(system, frame_parameters=np.array(fit.default_frame_parameters))
    if not fit.frame_parameters:
        system = replace(system, frame_parameters=None)
    if not fit.atom_parameters:
        system = replace(system, atom_parameters=None)
    check_parameters("fparam", system.frame_parameters, fit.frame_parameters)
    check_parameters("aparam", system.atom_parameters, fit.atom_parameters)
    return system


def refuse_unasked(fit: Fitting, fparam: Array | None, aparam: Array | None) -> None:
    """Raise an `InputError` for parameters passed as arguments to a model that takes none.

    Those that belong to a structure, such as a file `fparam.npy` of a data set, are left out without an error.
    """
    for name, given, wanted in (("fparam", fparam, fit.frame_parameters), ("aparam", aparam, fit.atom_parameters)):
        if given is not None and not wanted:
            raise InputError(f"{name}: is given, and the model takes no such parameters", argument=name)


def check_parameters(name: str, given: np.ndarray | None, wanted: int) -> None:
    """Raise an `InputError` unless there are as many parameters as the fitting net takes."""
    if given is None and wanted:
        raise InputError(
            f"{name}: the model takes {wanted} parameters, and none are given; pass `{name}`", argument=name
        )
    if given is not None and given.shape[-1] != wanted:
        raise InputError(f"{name}: {given.shape[-1]} parameters are given, the model takes {wanted}", argument=name)


def given_parameters(model_fitting: Fitting, fparam: str | None, aparam: str | None) -> tuple:
    """Return the parameters that two texts give, numbers or the name of a file `.npy`; None for what is not given.

    Raises `InputError` for a text that is neither, and for parameters that the model does not take.
    """
    refuse_unasked(model_fitting, fparam, aparam)
    return tuple(
        None if text is None else parsed(text, name) for name, text in (("fparam", fparam), ("aparam", aparam))
    )


def parsed(text: str, name: str) -> np.ndarray:
    """Return numbers separated by commas, or those of a file `.npy`."""
    if text.endswith(".npy"):
        return read_numbers(Path(text))
    try:
        return np.array([float(word) for word in text.split(",")])
    except ValueError as error:
        raise InputError(f"{name}: {text!r} is neither numbers as 0.1,0.2 nor a file .npy", argument=name) from error


def with_given(system: System, fparam: np.ndarray | None, aparam: np.ndarray | None) -> System:
    """Return a system with other parameters where some are given; atomic ones of one axis are those of every atom."""
    if fparam is not None:
        system = replace(system, frame_parameters=fparam)
    if aparam is not None:
        atoms = len(system.types)
        each = np.tile(aparam, (atoms, 1)) if aparam.ndim == 1 else aparam
        system = replace(system, atom_parameters=each)
    return system


def with_parameters(systems: Sequence[System], fparam: Array | None, aparam: Array | None) -> list[System]:
    """Return frames with their parameters, which are given for each frame or once for all."""
    fparam = None if fparam is None else host_array(fparam, "fparam")
    aparam = None if aparam is None else host_array(aparam, "aparam")
    count = len(systems)
    frame = [fparam] * count if fparam is None or np.ndim(fparam) < 2 else list(fparam)
    atom = [aparam] * count if aparam is None or np.ndim(aparam) < 3 else list(aparam)
    if len(frame) != count or len(atom) != count:
        rule = f"fparam is given for {len(frame)} frames and aparam for {len(atom)}, there are {count} frames"
        raise InputError(rule, argument="fparam" if len(frame) != count else "aparam")
    rows = zip(systems, frame, atom, strict=True)
    return [replace(s, frame_parameters=f, atom_parameters=a) for s, f, a in rows]
