"""Replace a file as a whole: whoever reads it sees the old one or the new one."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import FileMissing


@contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """A new file beside `path` to write to, which takes its place at the end, or disappears on an error."""
    path = Path(path)
    if not path.parent.is_dir():
        raise FileMissing(f"{path}: there is no folder {path.parent} to write to", file=str(path))
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(8)}{path.suffix}")
    try:
        temporary.touch(exist_ok=False)
        yield temporary
        flush(temporary)
        os.replace(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise
    flush(path.parent)


def flush(path: Path):
    """Make the system write a file, or the list of files in a directory, to the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows flushes no directories
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
