"""Folders for unfinished files, beside the files that they will replace.

A folder is locked while its process lives. One that is not locked was left by a process that was killed, and the next
write into the same directory removes it. Only a folder that is provably one of these is touched: its name is
`.dpa2-` and 32 random digits, it is no link, it belongs to this user and is closed to all others, and there is an empty
file of the same name in it (or nothing at all: the process was killed before it made that file). Everything is opened
below handles of directories, so no link can lead elsewhere. Where folders cannot be locked (Windows, some network file
systems) leftovers stay.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = ".dpa2-"
NAME = re.compile(re.escape(PREFIX) + "[0-9a-f]{32}")
NEW, OLD = "new", "old"  # in the folder: what is being made, and what was moved aside for it
POSIX = os.name == "posix"


@contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """A new folder in `parent` with an empty folder `NEW` in it; it is removed afterwards."""
    if not POSIX:
        with tempfile.TemporaryDirectory(prefix=PREFIX, dir=parent, ignore_cleanup_errors=True) as folder:
            Path(folder, NEW).mkdir()
            yield Path(folder)
        return
    with handle(parent) as outside:
        name, inside = made_folder(outside)
        try:
            os.mkdir(NEW, dir_fd=inside)
            yield parent / name
        finally:
            clear(outside, name, inside)
            os.close(inside)


@contextmanager
def handle(path: str | Path, outside: int | None = None) -> Iterator[int]:
    """A descriptor of a directory; below the directory `outside`, where links are refused, if one is given."""
    descriptor = open_folder(path, outside)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def open_folder(path: str | Path, outside: int | None) -> int:
    """A descriptor of a directory that the caller closes."""
    no_link = 0 if outside is None else os.O_NOFOLLOW
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | no_link, dir_fd=outside)


def made_folder(outside: int) -> tuple[str, int]:
    """The name of a new folder and its descriptor, locked and marked as ours."""
    while True:
        name = PREFIX + secrets.token_hex(16)
        os.mkdir(name, 0o700, dir_fd=outside)
        with suppress(FileNotFoundError):  # another process removed the folder before it was locked
            inside = open_folder(name, outside)
            try:
                lock(inside, wait=True)
                os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600, dir_fd=inside))
            except BaseException:
                os.close(inside)
                raise
            return name, inside


def lock(descriptor: int, wait: bool) -> bool:
    """Whether the folder is now locked, until its descriptor is closed."""
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True


def remove_leftovers(parent: Path) -> None:
    """Remove the folders that killed processes of this user have left in a directory."""
    if not POSIX:
        return
    with suppress(OSError), handle(parent) as outside:
        for name in filter(NAME.fullmatch, os.listdir(outside)):
            with suppress(OSError), handle(name, outside) as inside:
                if is_ours(name, inside) and lock(inside, wait=False) and is_ours(name, inside):
                    clear(outside, name, inside)


def is_ours(name: str, inside: int) -> bool:
    """Whether a folder was made by `made_folder` for this user."""
    folder = os.fstat(inside)
    if folder.st_uid != os.geteuid() or stat.S_IMODE(folder.st_mode) & 0o777 != 0o700:
        return False
    if not os.listdir(inside):
        return True
    mark = os.stat(name, dir_fd=inside, follow_symlinks=False)
    return stat.S_ISREG(mark.st_mode) and (mark.st_uid, mark.st_nlink, mark.st_size) == (folder.st_uid, 1, 0)


def clear(outside: int, name: str, inside: int) -> None:
    """Put back what was moved aside and not replaced, and remove the folder; what cannot be removed stays."""
    with suppress(OSError):
        put_back(outside, inside)
        for entry in set(os.listdir(inside)) - {name}:
            remove(entry, inside)
        if os.listdir(inside) == [name]:
            os.unlink(name, dir_fd=inside)
        os.rmdir(name, dir_fd=outside)


def put_back(outside: int, inside: int) -> None:
    """Move old directories back to their places where nothing has taken these."""
    if OLD not in os.listdir(inside):
        return
    with handle(OLD, inside) as old:
        for entry in os.listdir(old):
            try:
                os.stat(entry, dir_fd=outside, follow_symlinks=False)
            except FileNotFoundError:
                os.rename(entry, entry, src_dir_fd=old, dst_dir_fd=outside)


def remove(entry: str, inside: int) -> None:
    """Remove one entry of a folder with all that is in it; links are removed, not followed."""
    if stat.S_ISDIR(os.stat(entry, dir_fd=inside, follow_symlinks=False).st_mode):
        shutil.rmtree(entry, ignore_errors=True, dir_fd=inside)
    else:
        os.unlink(entry, dir_fd=inside)
