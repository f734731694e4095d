"""The exit codes of programs (`MEANINGS`), and that of each class of error (`CODES`)."""

from __future__ import annotations

from .errors import (
    DPA2Error,
    FileMissing,
    FormatError,
    MissingDependency,
    TargetLacks,
    UnsupportedModel,
    VerificationFailed,
    WriteFailed,
)

DEFECT = 1  # a defect of this program
USAGE = 2  # the command line or an input is wrong
CLOSED = 141  # what reads the output has ended; as shells have it: 128 plus the number of the signal
SIGNAL = 128  # is added to the number of a signal that ended the work, as shells have it
INTERRUPTED = 130  # by Ctrl-C: 128 plus the number of the signal
DIFFERENT = 6  # a comparison found a difference
CODES: dict[type[BaseException], int] = {
    BaseException: DEFECT,
    KeyboardInterrupt: INTERRUPTED,
    DPA2Error: USAGE,
    FormatError: 3,
    FileMissing: 3,
    OSError: 3,  # raised while reading; a failure to write is a WriteFailed
    UnsupportedModel: 4,
    TargetLacks: 5,
    VerificationFailed: DIFFERENT,
    MissingDependency: 7,
    WriteFailed: 8,
}
MEANINGS = {
    0: "success",
    DEFECT: "a defect of this program",
    USAGE: "the command line or an input is wrong",
    3: "a file is missing, unreadable or hostile",
    4: "the version of a file, or a feature in it, is not supported",
    5: "the target format cannot hold the model",
    DIFFERENT: "a comparison found a difference, or a model is not smooth or holds too few neighbours",
    7: "an optional package is missing",
    8: "writing failed",
    INTERRUPTED: "it was interrupted (Ctrl-C)",
    CLOSED: "what reads its output has ended",
    143: "a training was ended by SIGTERM",
}


def stopped_by(signal: int | None) -> int:
    """Return the code of work that a signal ended, 0 without one.

    >>> stopped_by(None), stopped_by(15)
    (0, 143)
    """
    return 0 if signal is None else SIGNAL + signal


def exit_code(error: BaseException) -> int:
    """Return the code of an error's class, or of its nearest base class that has one.

    >>> exit_code(TargetLacks("no place for attention")), exit_code(PermissionError()), exit_code(ZeroDivisionError())
    (5, 3, 1)
    """
    return next(CODES[kind] for kind in type(error).__mro__ if kind in CODES)
