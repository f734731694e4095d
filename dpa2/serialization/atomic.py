"""Replacement of a file or a directory as a whole: other programs see the old one or the new one.

The new one is made in a folder of its own beside the target (`temporary.py`), flushed to the disk, given the
permissions of what it replaces, and moved. A symbolic link is followed: what it leads to is replaced.

Two directories change places in one step where the system can do that (Linux). Elsewhere the old one is moved aside
first: for a moment there is none, and a process killed in that moment leaves none, until the next write into the same
directory puts the old one back.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import DPA2Error, InputError, WriteFailed
from .exchange import exchange
from .rights import followed, keep_rights
from .temporary import NEW, OLD, remove_leftovers, temporary_folder

ATTEMPTS = 100  # at placing a directory, while other processes place theirs
MEANWHILE = (errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY)  # another process was faster


def why_no_file(path: Path) -> str:
    """Return the reason not to replace the entry at a path by a file; empty if it is a regular file."""
    return "" if path.is_file() else "is a directory" if path.is_dir() else "is no regular file"


@contextmanager
def replacing(
    path: str | os.PathLike, overwrite: bool = True, why_keep: Callable[[Path], str] = why_no_file
) -> Iterator[Path]:
    """A name with the same suffix to write to, a file or a directory, which takes the place of `path` at the end.

    On an error nothing changes. `why_keep` says why an existing entry is not replaced in any case. Raises `InputError`
    if the target exists and may not be replaced, and `WriteFailed` instead of an `OSError`.
    """
    try:
        yield from replaced(Path(path), overwrite, why_keep)
    except DPA2Error:
        raise
    except OSError as error:
        raise WriteFailed(f"{path}: {error.strerror or error}", file=str(path), reason=str(error)) from error


def replaced(path: Path, overwrite: bool, why_keep: Callable[[Path], str]) -> Iterator[Path]:
    """The steps of `replacing`."""
    if "\0" in str(path):
        raise InputError(f"{path}: a name must not contain NUL", argument="target", file=str(path))
    require_free(path, path, overwrite, why_keep)
    target = followed(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {target.parent} to write to")
    remove_leftovers(target.parent)
    require_free(path, target, overwrite, why_keep)
    with temporary_folder(target.parent) as folder:
        new = folder / NEW / path.name
        yield new
        flush_all(new)
        keep_rights(new, target)
        require_free(path, target, overwrite, why_keep)
        place(new, target, folder / OLD)
    flush(target.parent)


def require_free(path: Path, target: Path, overwrite: bool, why_keep: Callable[[Path], str]) -> None:
    """Refuse to replace what exists and may not be overwritten, or is no entry of the kind that is written."""
    if not overwrite and os.path.lexists(path):
        way = "`overwrite=True` replaces it"
        raise InputError(f"{path}: exists already; {way}", argument="target", file=str(path))
    reason = why_keep(target) if target.exists() else ""
    if reason:
        way = "it is left as it is; choose another name, or remove it yourself"
        raise InputError(f"{path}: {reason}; {way}", argument="target", file=str(path), reason=reason)


def place(new: Path, target: Path, old: Path) -> None:
    """Move the new file or directory to its place; a directory is moved to `old` if there is no other way."""
    if not new.is_dir():
        os.replace(new, target)
        return
    for attempt in range(ATTEMPTS):
        try:
            place_directory(new, target, old)
            return
        except OSError as error:
            if error.errno not in MEANWHILE or attempt == ATTEMPTS - 1:
                raise


def place_directory(new: Path, target: Path, old: Path) -> None:
    """Move a directory to its place, or let it change places with the one that is there."""
    if not os.path.lexists(target):
        os.replace(new, target)
    elif not exchange(new, target):
        in_two_steps(new, target, old)


def in_two_steps(new: Path, target: Path, old: Path) -> None:
    """Move a directory aside and another one to its place; the old one comes back if the second step fails."""
    shutil.rmtree(old, ignore_errors=True)  # of an earlier attempt: another directory has taken its place
    old.mkdir()
    os.rename(target, old / target.name)
    try:
        os.replace(new, target)
    except OSError:
        if not os.path.lexists(target):
            os.rename(old / target.name, target)
        raise


def flush_all(path: Path) -> None:
    """Make the system write a file, or a directory with everything in it, to the disk."""
    for child in path.iterdir() if path.is_dir() else ():
        flush_all(child)
    flush(path)


def flush(path: Path) -> None:
    """Make the system write one file, or the list of files in a directory."""
    if path.is_dir() and os.name == "nt":
        return  # Windows flushes no directories
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
