"""Reading, writing and conversion of models in files."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..construction.usable import require_usable
from ..errors import (
    ConfigurationError,
    DPA2Error,
    FileMissing,
    FormatError,
    InputError,
    TargetLacks,
    UnsupportedModel,
    VerificationFailed,
    require_regular,
    shorten,
)
from .atomic import replacing
from .budget import Budget, spending
from .casting import cast, rounding
from .checkpoint import Checkpoint
from .containers import Container, container_for, container_of, named_like, refuse_by_name
from .contents import Contents
from .naming import file_and_head
from .temporary import PREFIX

TRIES = 50  # at reading a directory that others replace
PAUSE = 0.01  # seconds to wait for a directory that was moved aside


def read(path: str | os.PathLike, head: str | None = None) -> Checkpoint:
    """Return the model in a file of any format that is read (`docs/formats.md`), or one head of a multi-task model.

    Name and content of the file must agree. Every tensor is checked for presence, shape and dtype, and no tensor may
    be left over. No code from the file is run.

    Parameters
    ----------
    path
        The file, or the directory of a JAX model; `FILE#HEAD` is one task head of a file of several models.
    head
        Name of the task head, if it is not part of `path`; must be None for a file of one model.

    Returns
    -------
    Checkpoint
        The model with its notes.

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
    path, head = file_and_head(path, head)
    return read_from(contents(path), path, head)


def read_from(found: Contents, path: str | os.PathLike, head: str | None) -> Checkpoint:
    """The model of a head in the contents of a file; raises the errors of `read`."""
    with errors_naming(path), spending(found.budget and replace(found.budget)):  # a copy: each head has all of it
        return found.model(head)


def read_descriptor(path: str | os.PathLike, head: str | None = None, part: str | None = None) -> Checkpoint:
    """The DPA-2 descriptor of a file as a model whose head is zero; raises the errors of `read`.

    Native trees of other kinds of models are read, too; of other files, those that `read` reads.
    """
    path, head = file_and_head(path, head)
    found = contents(path)
    if found.descriptor is None or head is not None:
        if part is not None:
            rule = "this file holds one model; leave it out"
            raise InputError(f"{path}: part = {part!r}: {rule}", argument="part", file=str(path))
        return read_from(found, path, head)
    with errors_naming(path), spending(found.budget and replace(found.budget)):
        return found.descriptor(part)


def contents(path: str | os.PathLike) -> Contents:
    """Return the name of a file's format, its heads and its models.

    Parameters
    ----------
    path
        The file, or the directory of a JAX model.

    Returns
    -------
    Contents
        The format and the heads; each model is made when it is asked for.

    Raises
    ------
    DPA2Error
        The errors of `read`.
    """
    path = Path(path)
    with errors_naming(path):
        refuse_by_name(path)
        require_regular(path)
        return unmixed(path, lambda: within_budget(path))


def unmixed(path: Path, action: Callable[[], Contents]) -> Contents:
    """Return what an action reads from a file or a directory; repeat it if that was replaced meanwhile."""
    for _ in range(TRIES):
        before = identity(path)
        try:
            found = action()
        except (DPA2Error, OSError):
            if identity(path) == before:
                raise
        else:
            if identity(path) == before:
                return found
    raise FormatError("is replaced all the time while it is read")


def identity(path: Path) -> tuple | None:
    """Return a mark that changes when a directory is replaced; None for a file, which is read from one handle.

    `FileMissing` if there is nothing, and no other process is about to put it there.
    """
    for _ in range(TRIES):
        if path.exists():
            found = path.stat()
            return (found.st_dev, found.st_ino, found.st_ctime_ns) if path.is_dir() else None
        named = named_like(path)
        if named is None or not named.directory or not any(path.parent.glob(f"{PREFIX}*")):
            break
        time.sleep(PAUSE)
    raise FileMissing("there is no such file", file=str(path))


def within_budget(path: Path) -> Contents:
    """The contents of a file, read within the budget for its size."""
    container = container_of(path)  # before the size, which takes long for a directory that is no model
    size = size_of(path)
    budget = Budget.of_file(size)
    with spending(budget):
        budget.spend(size)
        return replace(read_by_content(path, container), budget=budget)


def read_by_content(path: Path, container: Container) -> Contents:
    """Return the contents of a file of a format; a text that is no YAML, and not called so, is no model."""
    try:
        return container.read(path)
    except FormatError as error:
        beyond_budget = "limit" in error.facts
        if container.last_resort and named_like(path) is not container and not beyond_budget:
            raise FormatError(f"is no model file: a text without the structure of a {container.name} model") from error
        raise


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a directory."""
    return sum(entry.lstat().st_size for entry in (path, *path.rglob("*"))) if path.is_dir() else path.stat().st_size


def read_bytes(path: Path) -> bytes:
    """The bytes of a plain file, if it is not larger than any file that is read."""
    size = size_of(path)
    Budget.of_file(size).spend(size)
    return path.read_bytes()


@contextmanager
def errors_naming(path: str | os.PathLike):
    """A context in which every error of this package begins with the name of the file."""
    try:
        yield
    except RecursionError as error:
        raise FormatError(f"{path}: is nested too deeply", file=str(path)) from error
    except MemoryError as error:
        raise FormatError(f"{path}: takes more memory to read than this machine has", file=str(path)) from error
    except ConfigurationError as error:
        raise FormatError(f"{path}: {error}", file=str(path), key=error.facts["path"]) from error
    except DPA2Error as error:
        named = error if str(error).startswith(f"{path}: ") else f"{path}: {error}"
        raise type(error)(str(named), **(error.facts | {"file": str(path)})) from error
    except OSError as error:
        raise FormatError(
            f"{shorten(str(path))}: cannot be read ({error.strerror or error})", file=str(path)
        ) from error


def write(checkpoint: Checkpoint, path: str | os.PathLike, overwrite: bool = True) -> None:
    """Write a model as `.dp`, `.yaml`, `.yml`, `.json`, `.safetensors`, `.pt` (a checkpoint) or `.jax` (a directory).

    The file appears as a whole or not at all; an existing one stays as it is on an error.

    Parameters
    ----------
    checkpoint
        The model.
    path
        The new file; its suffix names the format.
    overwrite
        Whether an existing file may be replaced.

    Raises
    ------
    InputError
        The file exists and may not be overwritten, or its suffix names no format that is written (facts: argument).
    FormatError
        A tensor is missing, left over, or of the wrong shape or dtype.
    TargetLacks
        The model has something that the format cannot hold; `.safetensors` can hold everything.
    WriteFailed
        The system does not let it be written (facts: file, reason).
    """
    container = container_for(Path(path))
    with replacing(path, overwrite, container.why_keep) as new:
        encode(checkpoint, container, new, str(path))


def encode(checkpoint: Checkpoint, container: Container, new: Path, target: str):
    """Write a model to the new path; `TargetLacks` names the target if its format cannot hold the model."""
    with naming_target(target):
        container.write(checkpoint, new)


@contextmanager
def naming_target(target: str):
    """A context in which `TargetLacks` names the file to write if its format cannot hold the model."""
    try:
        yield
    except UnsupportedModel as error:
        raise TargetLacks(f"{target}: {error}", **(error.facts | {"file": target})) from error


def convert(
    source: str | os.PathLike,
    target: str | os.PathLike,
    head: str | None = None,
    dtype: Any = None,
    overwrite: bool = False,
) -> str:
    """Read one file, write another, read that back, and return the digest of the written model.

    Parameters
    ----------
    source
        The file to read, or `FILE#HEAD`.
    target
        The new file; its suffix names the format.
    head
        Name of the task head in a file of several models.
    dtype
        Precision to which all numbers are rounded; None keeps every bit.
    overwrite
        Whether an existing target may be replaced.

    Returns
    -------
    str
        The digest of the target, which is that of the source unless a `dtype` is given.

    Raises
    ------
    FormatError
        A number of the source is NaN or infinite, or a standard deviation is 0; such a model gives no energies
        (facts: file, tensor, index).
    VerificationFailed
        The written file does not read back as the model; it is removed and the target stays as it was.
    DPA2Error
        The errors of `read` and `write`.
    """
    return converted(source, target, head, dtype, overwrite).digest


@dataclass(frozen=True)
class Conversion:
    """The outcome of a conversion.

    digest: the identity of the written model. rounding: the largest relative change of a number; None if no precision
    was asked for. left_out: what else the source holds, such as an optimizer, by the names of its entries.
    """

    digest: str
    rounding: float | None
    left_out: tuple[str, ...]


def converted(
    source: str | os.PathLike, target: str | os.PathLike, head: str | None, dtype: str | None, overwrite: bool
) -> Conversion:
    """Do what `convert` does, and return what was done."""
    file, head = file_and_head(source, head)
    found = contents(file)
    original = read_from(found, file, head)
    require_usable(original.weights, str(source))
    checkpoint = original if dtype is None else cast(original, dtype)
    container, digest = container_for(Path(target)), checkpoint.digest()
    with replacing(target, overwrite, container.why_keep) as new:
        encode(checkpoint, container, new, str(target))
        verify(new, digest, str(source), str(target))
    return Conversion(digest, None if dtype is None else rounding(original, checkpoint), found.left_out)


def verify(new: Path, digest: str, source: str, target: str):
    """Check that the written file reads back with the right digest, before it takes the place of the target."""
    facts = {"file": target, "source": source}
    try:
        found = read(new).digest()
    except DPA2Error as error:
        raise VerificationFailed(
            f"{target}: the written file does not read back ({error}); it was removed", **facts
        ) from error
    if found != digest:
        raise VerificationFailed(f"{target}: the written file does not read back as {source}; it was removed", **facts)
