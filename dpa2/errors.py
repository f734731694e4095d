"""The errors of dpa2, one small family.

A message says what is wrong, where, and what to do. The facts of an error are also its attributes.
"""

from __future__ import annotations

import os
import types
import typing
from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class DPA2Error(Exception):
    """Base class of all errors of dpa2; the keyword arguments are its facts, and attributes of the error."""

    shared = False  # whether every process of a training raises it

    def __init__(self, message: str, **facts: typing.Any):
        super().__init__(message)
        self.facts = facts
        self.__dict__.update(facts)


class InputError(DPA2Error, ValueError):
    """A structure or an argument is not valid (facts: argument, system, atom, ...).

    What to do: The message names the argument, and the system and atom where it can. Give what it asks for; lengths
    are in Å, and energies in eV.
    """


class TooManyNeighbors(InputError):
    """An atom has more neighbours than the model holds (facts: atom, system, count, limit, cutoff, block).

    What to do: Look for atoms that are too close, or a cell in other units than Å. If the structure is right, the
    model was trained for lower densities: use another one, or `neighbors="truncate"` (`--truncate`), with which the
    energy jumps.
    """


class ConfigurationError(DPA2Error, ValueError):
    """A configuration does not describe a DPA-2 model (facts: path, value).

    What to do: The message names the setting by its path. Correct it in the input script or in the `DPA2Config`.
    """


class FormatError(DPA2Error, ValueError):
    """A file is damaged, or its contents are not what its format demands (facts: file, and tensor or key).

    What to do: Copy or download the file again, and compare its size. If the program that wrote it can read it, let
    it write the file again.
    """


class VerificationFailed(FormatError):
    """A converted model does not read back as the same model; no file was written (facts: file, source).

    What to do: This is a defect of dpa2: report it with the file, if you may share it. The message names the first
    tensor that differs.
    """


class FileMissing(DPA2Error, FileNotFoundError):
    """There is no such file (facts: file).

    What to do: Check the path, and the folder in which the command runs.
    """


class UnsupportedModel(DPA2Error, ValueError):
    """A valid file holds a model, or a feature of one, that dpa2 does not implement (facts: file, what).

    What to do: The message names the feature or the other network. Use a DPA-2 model without it, or the program
    that made the file.
    """


class TargetLacks(UnsupportedModel):
    """The format to write has no place for something that the model has (facts: file, what).

    What to do: Choose a format that holds all of it: `.safetensors` and `.dp` hold most.
    """


class WriteFailed(DPA2Error, OSError):
    """The system did not let a file be written; an earlier file is unchanged (facts: file, reason).

    What to do: Read the reason in the message: the disk is full, the folder is missing or may not be written, as a
    rule. Mend that and run the command again.
    """


class MissingDependency(DPA2Error, ImportError):
    """An optional package is not installed (facts: package, install).

    What to do: Run the command that the message ends with.
    """


class TargetFailed(DPA2Error):
    """An implementation under test failed or gave nothing that can be compared (facts: target, vector).

    What to do: Run your implementation alone on the vector that the message names, and return arrays by the names
    of the trace table.
    """


class TrainingStopped(DPA2Error, ArithmeticError):
    """A training cannot go on: its loss or gradient is not a number (facts: batch, head, loss).

    What to do: Look at the labels of the batch that the message names; lower the learning rate, or clip the
    gradients (`gradient_max_norm`); go on from the last checkpoint.
    """


class BackendError(DPA2Error, RuntimeError):
    """An array library cannot do what was asked (facts: backend, hint).

    What to do: Read the hint of the message: another `dtype`, `device` or `backend` often does it.
    """


def shorten(value: object) -> str:
    """Return at most a line of `value`, for a message, without ever writing out all of it."""
    import reprlib

    return reprlib.repr(value)


def refuse_unknown(names: Iterable[str], known: Sequence[str], what: str) -> None:
    """Raise an `InputError` for the first of the names that is not known, with the one that was meant perhaps."""
    for name in names:
        if name not in known:
            meant = meant_perhaps(name, known) or "."
            raise InputError(f"{what} takes no {name!r}{meant} Known: {', '.join(known)}", argument=name)


def meant_perhaps(name: object, known: Iterable[str]) -> str:
    """Return a question for the known name that is nearest to a name; nothing if none is near.

    >>> meant_perhaps("stop_rl", ["start_lr", "stop_lr"])
    "; did you mean 'stop_lr'?"
    """
    near = get_close_matches(str(name), list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def require(package: str, extra: str) -> types.ModuleType:
    """Import and return an optional package; raise `MissingDependency` with the command that installs it."""
    from importlib import import_module

    try:
        return import_module(package)
    except ImportError as error:
        if was_interrupted(error):
            raise KeyboardInterrupt from error
        command = f"pip install 'dpa2[{extra}]'"
        raise MissingDependency(
            f"{package} is needed for this and cannot be imported ({error}). Install it with: {command}",
            package=package,
            install=command,
        ) from error


def was_interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C is the cause of an error: modules written in C turn it into an `ImportError`."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def require_regular(path: str | os.PathLike) -> None:
    """Raise `InputError` for a pipe, a device or a socket, which cannot be read twice and may never end."""
    if not (os.path.isfile(path) or os.path.isdir(path)) and os.path.exists(path):
        way = "it must be a regular file: save what comes through it to a file, and give the name of that"
        raise InputError(f"{path}: is a pipe, a device or a socket; {way}", argument="file", file=str(path))
