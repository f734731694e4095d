"""Permissions and owner of a file that is replaced, and the links that lead to it."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from ..errors import InputError

LINKS = 40  # as many links may follow one another; Linux has the same limit


def followed(path: Path) -> Path:
    """The place where a chain of symbolic links ends; `InputError` for links in circles, or made by somebody else.

    In a directory that everybody may write to, a link counts only if its owner is this user or that of the directory:
    the rule of Linux, without which another user could name the file that is replaced.
    """
    end = path
    for _ in range(LINKS):
        if not end.is_symlink():
            return end
        if POSIX and not is_trusted(end):
            raise InputError(f"{path}: the link {end} belongs to another user, and is not followed", argument="target")
        end = end.parent / os.readlink(end)
    raise InputError(f"{path}: is a link that leads in a circle", argument="target", file=str(path))


POSIX = os.name == "posix"


def is_trusted(link: Path) -> bool:
    """Whether Linux would follow a link."""
    folder, owner = link.parent.stat(), link.lstat().st_uid
    open_to_all = folder.st_mode & stat.S_ISVTX and folder.st_mode & stat.S_IWOTH
    return not open_to_all or owner in (os.geteuid(), folder.st_uid)


def keep_rights(new: Path, old: Path) -> None:
    """Give a new file or directory, with all that is in it, the permissions of the old one, and its owner if allowed.

    The files in a directory get the permissions of the directory, less the right to search it.
    """
    if not POSIX or not old.exists():
        return
    found = old.stat()
    for entry in (*new.rglob("*"), new):
        set_rights(entry, found, 0o777 if entry.is_dir() == new.is_dir() else 0o666)


def set_rights(entry: Path, found: os.stat_result, allowed: int) -> None:
    """Set owner, group and permissions; a group that cannot be kept gets no more than everybody."""
    with suppress(OSError):
        os.chown(entry, -1, found.st_gid)
    with suppress(OSError):
        os.chown(entry, found.st_uid, -1)
    mode = stat.S_IMODE(found.st_mode) & allowed
    if entry.stat().st_gid != found.st_gid:
        mode = mode & 0o707 | (mode & 0o007) << 3 & mode
    os.chmod(entry, mode)
