"""What the exit code of a command says, as one table.

0 all is well, 1 a fault of this program, 2 the call or an input is wrong, 3 a file is unreadable or hostile, 4 its
version or a feature is not supported, 5 the target format cannot hold the model, 6 two things that should be equal
are not, or a model is not smooth or holds too few neighbours, 7 an optional package is missing, 8 writing failed.
"""

from __future__ import annotations

from ..errors import (
    DPA2Error,
    FileMissing,
    FormatError,
    MissingDependency,
    TargetLacks,
    UnsupportedModel,
    VerificationFailed,
    WriteFailed,
)

USAGE = 2
DIFFERENT = 6
CODES: dict[type[Exception], int] = {
    DPA2Error: USAGE,
    FormatError: 3,
    FileMissing: 3,
    OSError: 3,  # whatever fails while writing is a WriteFailed
    UnsupportedModel: 4,
    TargetLacks: 5,
    VerificationFailed: DIFFERENT,
    MissingDependency: 7,
    WriteFailed: 8,
}


def exit_code(error: Exception) -> int:
    """The code of an error's class, or of the nearest class above it.

    >>> exit_code(TargetLacks("no place for attention")), exit_code(PermissionError())
    (5, 3)
    """
    return next(CODES[kind] for kind in type(error).__mro__ if kind in CODES)
