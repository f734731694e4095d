"""Everything that can be wrong with what a user hands over, as one small family.

Each error says what happened, where, and what to do, and carries its facts as attributes.
"""

from __future__ import annotations


class DPA2Error(Exception):
    """Whatever dpa2 refuses; `facts` are also attributes of the error."""

    def __init__(self, message: str, **facts):
        super().__init__(message)
        self.facts = facts
        self.__dict__.update(facts)


class InputError(DPA2Error, ValueError):
    """A structure or an argument that no model could be evaluated on (facts: atom, system, argument, ...)."""


class TooManyNeighbors(InputError):
    """An atom has more neighbours than the model holds (facts: atom, system, count, limit, cutoff, block)."""


class ConfigurationError(DPA2Error, ValueError):
    """A configuration that describes no DPA-2 model (facts: path, value)."""


class FormatError(DPA2Error, ValueError):
    """A file that is not what it should be (facts: file, tensor or key)."""


class VerificationFailed(FormatError):
    """What was written does not read back as what it should be; it did not take its place (facts: file, source)."""


class FileMissing(DPA2Error, FileNotFoundError):
    """A file to read that is not there (facts: file)."""


class UnsupportedModel(DPA2Error, ValueError):
    """A genuine file of something that dpa2 does not do (facts: file, what)."""


class TargetLacks(UnsupportedModel):
    """A model has something that the format to write has no place for (facts: file, what)."""


class WriteFailed(DPA2Error, OSError):
    """The system did not let a file be written; what was there before is as it was (facts: file, reason)."""


class MissingDependency(DPA2Error, ImportError):
    """An optional package is not installed (facts: package, install)."""


class TargetFailed(DPA2Error):
    """An implementation under test gave no results that could be compared (facts: target, vector)."""


class BackendError(DPA2Error, RuntimeError):
    """An array library cannot do what was asked (facts: backend, hint)."""


def shorten(value) -> str:
    """At most a line of `value`, for a message, without ever writing out all of it."""
    import reprlib

    return reprlib.repr(value)


def require(package: str, extra: str):
    """Import an optional package, or say which command installs it."""
    from importlib import import_module

    try:
        return import_module(package)
    except ImportError as error:
        command = f"pip install 'dpa2[{extra}]'"
        raise MissingDependency(
            f"{package} is needed for this and cannot be imported ({error}). Install it with: {command}",
            package=package,
            install=command,
        ) from error
