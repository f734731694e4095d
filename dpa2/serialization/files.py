"""Models in files: read, write, convert."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import ConfigurationError, DPA2Error, FileMissing, FormatError, InputError
from .atomic import replacing
from .checkpoint import Checkpoint
from .containers import container_for, container_of, refuse_by_name


def read(path: str | os.PathLike, head: str | None = None) -> Checkpoint:
    """The model in a file: `.dp`, `.hlo`, `.yaml`, `.yml`, `.json` or `.safetensors`.

    Name and content must agree. Every tensor is checked for presence, shape and dtype, nothing may be left over.
    Whatever the file holds, no code from it is run.

    Parameters
    ----------
    head
        Which of several models; none of these files holds several, so a head is an `InputError`.

    Raises
    ------
    FileMissing
        There is no such file (facts: file).
    FormatError
        The file is damaged, or not what it should be (facts: file, and tensor or key).
    UnsupportedModel
        A genuine file of something that dpa2 does not do (facts: file, what).
    """
    path = Path(path)
    try:
        refuse_by_name(path)
        if not path.exists():
            raise FileMissing("there is no such file", file=str(path))
        data = path.read_bytes()
        checkpoint = container_of(path, data).decode(data)
    except RecursionError as error:
        raise FormatError(f"{path}: is nested too deeply", file=str(path)) from error
    except ConfigurationError as error:
        raise FormatError(f"{path}: {error}", file=str(path), key=error.facts["path"]) from error
    except DPA2Error as error:
        raise type(error)(f"{path}: {error}", **(error.facts | {"file": str(path)})) from error
    if head is not None:
        raise InputError(f"{path}: holds one model, which has no heads to choose from", argument="head", file=str(path))
    return checkpoint


def write(checkpoint: Checkpoint, path: str | os.PathLike) -> None:
    """Write a model as `.dp`, `.yaml`, `.yml`, `.json` or `.safetensors`.

    The file appears as a whole, or not at all; an existing one stays as it is on an error.

    Raises
    ------
    FormatError
        A tensor is missing, left over, or of the wrong shape or dtype.
    UnsupportedModel
        The model has something that the format cannot hold; `.safetensors` can hold everything.
    """
    data = container_for(Path(path)).encode(checkpoint)
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def convert(source: str | os.PathLike, target: str | os.PathLike, head: str | None = None) -> str:
    """Read one file, write another, and read that back; returns the digest, which is that of both.

    A target that does not read back as the source never takes its place (`FormatError`).
    """
    checkpoint = read(source, head)
    data, digest = container_for(Path(target)).encode(checkpoint), checkpoint.digest()
    with replacing(target) as temporary:
        temporary.write_bytes(data)
        if read(temporary).digest() != digest:
            raise FormatError(f"{target}: does not read back as {source}", file=str(target), source=str(source))
    return digest
