"""The format of a file, found by its content and its name."""

from __future__ import annotations

from pathlib import Path

from ..errors import FormatError, InputError, UnsupportedModel
from .formats import table
from .formats.container import Container

BEGINNING = 1000  # bytes of a file by which its format is recognized
# Advice for files that are not read.
ROUTE = "convert the checkpoint or the .dp that it was made from"


def container_of(path: Path) -> Container:
    """The format of a file or directory by its content, which its name may not contradict."""
    if path.is_dir():
        return one_of(recognized(path, directory=True), "is a directory, but not one of a JAX model")
    with path.open("rb") as file:
        data = file.read(BEGINNING)
    if not data:
        raise FormatError("is empty")
    named = named_like(path)
    fitting = recognized(data, directory=False)
    if named in fitting:
        return named
    found = one_of(fitting, "has content of no known format: it is neither a binary model nor a text")
    if named is not None and not (named.last_resort and named.recognize(data)):
        names = f"is called {path.suffix}, but its content is not {named.name}; it looks like {found.name}"
        raise FormatError(f"{names}: damaged, or misnamed")
    return found


def recognized(content: bytes | Path, directory: bool) -> list[Container]:
    """The formats that recognize a content; the last resort only where no other does."""
    found = [c for c in table.CONTAINERS if c.directory == directory and c.recognize(content)]
    return [c for c in found if not c.last_resort] or found


def one_of(found: list[Container], otherwise: str) -> Container:
    """The only one of the formats that a content looks like."""
    if not found:
        raise FormatError(otherwise)
    if len(found) > 1:
        names = " and ".join(sorted(c.name for c in found))
        raise FormatError(f"looks like several formats ({names}); give it the suffix of the right one")
    return found[0]


def named_like(path: Path) -> Container | None:
    """The format whose suffix a file has."""
    return next((c for c in table.CONTAINERS if path.suffix.lower() in c.suffixes), None)


def container_for(path: Path) -> Container:
    """The format that a new file's name asks for."""
    suffix, named = path.suffix.lower(), named_like(path)
    if named is not None and suffix in named.written:
        return named
    if named is not None and suffix in named.made_by:
        hint = named.made_by[suffix]
    else:
        hint = f"these are written: {', '.join(sorted(s for c in table.CONTAINERS for s in c.written))}"
    raise InputError(f"{path}: cannot write {suffix or 'a file without a suffix'}; {hint}", argument="path", hint=hint)


def refuse_by_name(path: Path) -> None:
    """Refuse a file whose name says that it is of a format that is not read."""
    named = named_like(path)
    if named is not None and named.why_not_read:
        what = named.why_not_read
        raise UnsupportedModel(f"is not read: a {path.suffix} file holds {what}; {ROUTE}", what=what, hint=ROUTE)
