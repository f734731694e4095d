"""The folder that keeps compiled functions between runs: machine code that we execute, so only we may write to it."""

from __future__ import annotations

import os
import stat
import warnings
from collections.abc import Iterator
from pathlib import Path

WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class UntrustedFolderWarning(UserWarning):
    """The folder of compiled functions is not used, since other users may write to it, or it cannot be made."""


def kept_folder() -> Path | None:
    """The folder for compiled functions, made if need be; None where DPA2_CACHE=off, or where others could write."""
    chosen = os.environ.get("DPA2_CACHE")
    if chosen == "off":
        return None
    place = os.path.expanduser(Path(chosen or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "dpa2"), "jax"))
    folder = Path(place).absolute()
    homeless = "there is no home directory" if place.startswith("~") else None
    reason = homeless or next(doubts(folder), None) or not_made(folder) or next(doubts(folder), None)
    if reason is None:
        return folder
    warnings.warn(
        f"functions that JAX compiles are not kept in {place}: {reason}. Code from there would run as you. "
        "Make the folder your own (chown, chmod 700), empty it, or name another one in DPA2_CACHE (or off)",
        UntrustedFolderWarning,
        stacklevel=2,
    )
    return None


def not_made(folder: Path) -> str | None:
    """Make the folder and its missing parents, closed to others; the reason if the system does not let us."""
    try:
        for path in reversed([folder, *folder.parents]):
            if not path.exists():
                path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        return f"it cannot be made ({error.strerror})"
    return None


def doubts(folder: Path) -> Iterator[str]:
    """Reasons not to trust what is in a folder: others may write there, above it, or have written into it."""
    if not hasattr(os, "getuid"):  # Windows has neither owners as numbers nor these bits
        return
    for path in [folder, *folder.parents]:
        if path.exists() or path.is_symlink():
            yield from doubts_about(path, above=path not in (folder, folder.parent))
    if folder.is_dir():
        foreign = (path for path in folder.iterdir() if path.is_symlink() or not ours(path))
        yield from (f"{path} is a link, or belongs to another user" for path in foreign)


def doubts_about(path: Path, above: bool) -> Iterator[str]:
    """Reasons not to trust one folder. Folders above ours may be the system's, with links, or shared and sticky."""
    status = path.lstat()
    if not ours(path) and not (above and status.st_uid == 0):
        yield f"{path} belongs to another user"
    if stat.S_ISLNK(status.st_mode):
        if not (above and status.st_uid == 0):
            yield f"{path} is a symbolic link"
    elif status.st_mode & WRITABLE_BY_OTHERS and not (above and status.st_mode & stat.S_ISVTX):
        yield f"other users may write to {path}"


def ours(path: Path) -> bool:
    """Return whether a file or folder belongs to the user of this process."""
    return path.lstat().st_uid == os.geteuid()
