"""Models in files: read, write, convert."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path

from ..errors import (
    ConfigurationError,
    DPA2Error,
    FileMissing,
    FormatError,
    TargetLacks,
    UnsupportedModel,
    VerificationFailed,
)
from .atomic import replacing
from .casting import cast
from .checkpoint import Checkpoint
from .containers import Container, container_for, container_of, refuse_by_name
from .contents import Contents


def read(path: str | os.PathLike, head: str | None = None) -> Checkpoint:
    """The model in a file of any format that is read (`docs/formats.md`), or one head of a multi-task model.

    Name and content must agree. Every tensor is checked for presence, shape and dtype, nothing may be left over.
    Whatever the file holds, no code from it is run.

    Parameters
    ----------
    head
        Which of several models; must be None for a file of one.

    Raises
    ------
    FileMissing
        There is no such file (facts: file).
    FormatError
        The file is damaged, or not what it should be (facts: file, and tensor or key).
    InputError
        A head is asked for that is not there, or none where there are several (facts: file, argument, heads).
    UnsupportedModel
        A genuine file of something that dpa2 does not do (facts: file, what).
    MissingDependency
        The format needs a package that is not installed (facts: package, install).
    """
    return read_from(contents(path), path, head)


def read_from(found: Contents, path: str | os.PathLike, head: str | None) -> Checkpoint:
    """One model of what a file holds; raises as `read` does."""
    with blaming(path):
        return found.model(head)


def contents(path: str | os.PathLike) -> Contents:
    """What a file holds: the name of its format, its heads, and its models; raises as `read` does."""
    path = Path(path)
    with blaming(path):
        refuse_by_name(path)
        if not path.exists():
            raise FileMissing("there is no such file", file=str(path))
        return container_of(path).read(path)


@contextmanager
def blaming(path: str | os.PathLike):
    """Named errors with the file's name in front of what they say, once."""
    try:
        yield
    except RecursionError as error:
        raise FormatError(f"{path}: is nested too deeply", file=str(path)) from error
    except ConfigurationError as error:
        raise FormatError(f"{path}: {error}", file=str(path), key=error.facts["path"]) from error
    except DPA2Error as error:
        raise type(error)(f"{path}: {error}", **(error.facts | {"file": str(path)})) from error


def write(checkpoint: Checkpoint, path: str | os.PathLike, overwrite: bool = True) -> None:
    """Write a model as `.dp`, `.yaml`, `.yml`, `.json`, `.safetensors`, `.pt` (a checkpoint) or `.jax` (a directory).

    The file appears as a whole, or not at all; an existing one stays as it is on an error.

    Raises
    ------
    InputError
        The file exists and may not be overwritten, or its suffix says no format (facts: argument).
    FormatError
        A tensor is missing, left over, or of the wrong shape or dtype.
    TargetLacks
        The model has something that the format cannot hold; `.safetensors` can hold everything.
    WriteFailed
        The system does not let it be written (facts: file, reason).
    """
    container = container_for(Path(path))
    with replacing(path, overwrite) as new:
        encode(checkpoint, container, new, str(path))


def encode(checkpoint: Checkpoint, container: Container, new: Path, target: str):
    """Write to a place where nothing is; what the format has no place for is refused in the target's name."""
    try:
        container.write(checkpoint, new)
    except UnsupportedModel as error:
        raise TargetLacks(f"{target}: {error}", **(error.facts | {"file": target})) from error


def convert(
    source: str | os.PathLike,
    target: str | os.PathLike,
    head: str | None = None,
    dtype: str | None = None,
    overwrite: bool = False,
) -> str:
    """Read one file, write another, and read that back; returns the digest, which is that of both.

    A `dtype` rounds all numbers to that precision; then the digest is that of the target. A target that does not read
    back as what was to be written never takes its place (`VerificationFailed`). Raises what `read` and `write` raise.
    """
    checkpoint = read(source, head)
    checkpoint = checkpoint if dtype is None else cast(checkpoint, dtype)
    container, digest = container_for(Path(target)), checkpoint.digest()
    with replacing(target, overwrite) as new:
        encode(checkpoint, container, new, str(target))
        verify(new, digest, str(source), str(target))
    return digest


def verify(new: Path, digest: str, source: str, target: str):
    """Read what was written, before it gets its name."""
    facts = {"file": target, "source": source}
    try:
        found = read(new).digest()
    except DPA2Error as error:
        raise VerificationFailed(f"{target}: does not read back ({error})", **facts) from error
    if found != digest:
        raise VerificationFailed(f"{target}: does not read back as {source}", **facts)
