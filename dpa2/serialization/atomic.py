"""Replacement of a file or a directory as a whole: other programs see the old one or the new one.

The new file is made in a folder of its own beside the target, flushed to the disk, and moved. The folder is locked
while its process lives; one that is not locked was left by a process that was killed, and the next write into the same
directory removes it. Until then it stays, hidden, and also for good on systems that lock no folders (Windows, NFS).

A directory cannot take the place of another in one step: the old one is moved aside first. A process killed between the
two steps leaves no target, and the next write into the directory puts the old one back.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import DPA2Error, InputError, WriteFailed

PREFIX = ".dpa2-"  # names of the temporary folders begin with it
ASIDE = "aside"  # folder in which an old directory is kept until the new one is in place


@contextmanager
def replacing(path: str | os.PathLike, overwrite: bool = True) -> Iterator[Path]:
    """A name with the same suffix to write to, a file or a directory, which takes the place of `path` at the end.

    On an error nothing changes. Raises `InputError` if the target exists and may not be overwritten, and `WriteFailed`
    instead of an `OSError`.
    """
    path = Path(path)
    try:
        if not path.parent.is_dir():
            raise FileNotFoundError(f"there is no folder {path.parent} to write to")
        remove_leftovers(path.parent)
        require_free(path, overwrite)
        with temporary_folder(path.parent) as folder:
            yield folder / path.name
            flush_all(folder / path.name)
            require_free(path, overwrite)
            place(folder / path.name, path)
        flush(path.parent)
    except DPA2Error:
        raise
    except OSError as error:
        raise WriteFailed(f"{path}: {error.strerror or error}", file=str(path), reason=str(error)) from error


def require_free(path: Path, overwrite: bool):
    """Refuse to replace an existing file that may not be overwritten."""
    if not overwrite and os.path.lexists(path):
        way = "overwrite=True, on the command line --force, replaces it"
        raise InputError(f"{path}: exists already; {way}", argument="target", file=str(path))


@contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """A new folder in `parent` that is locked while it is in use, and removed afterwards."""
    folder, lock = locked_folder(parent)
    try:
        yield folder
    finally:
        clear(folder)
        if lock is not None:
            os.close(lock)


def locked_folder(parent: Path) -> tuple[Path, int | None]:
    """A new folder and its lock; another one if a process removed the first before it was locked."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        lock = lock_folder(folder, patient=True)
        if folder.exists():
            return folder, lock


def remove_leftovers(parent: Path):
    """Remove the folders that killed processes have left in a directory."""
    for folder in parent.glob(f"{PREFIX}*"):
        lock = lock_folder(folder, patient=False)
        if lock is not None:
            clear(folder)
            os.close(lock)


def lock_folder(folder: Path, patient: bool) -> int | None:
    """A descriptor that holds the lock of a folder until it is closed; None if the folder cannot be locked."""
    try:
        import fcntl

        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except (ImportError, OSError):
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if patient else fcntl.LOCK_NB))
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def clear(folder: Path):
    """Put back an old directory that was moved aside and not replaced, and remove the folder."""
    for old in folder.glob(f"{ASIDE}/*"):
        if not os.path.lexists(folder.parent / old.name):
            old.rename(folder.parent / old.name)
    shutil.rmtree(folder, ignore_errors=True)


def place(new: Path, path: Path):
    """Move the new file or directory to its place; a directory replaces another, which is moved aside first."""
    if new.is_dir() and path.is_dir() and not path.is_symlink():
        (new.parent / ASIDE).mkdir()
        path.rename(new.parent / ASIDE / path.name)
    os.replace(new, path)


def flush_all(path: Path):
    """Make the system write a file, or a directory with everything in it, to the disk."""
    for child in path.iterdir() if path.is_dir() else ():
        flush_all(child)
    flush(path)


def flush(path: Path):
    """Make the system write one file, or the list of files in a directory."""
    if path.is_dir() and os.name == "nt":
        return  # Windows flushes no directories
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
