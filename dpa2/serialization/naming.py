"""The name of a model in a file: `FILE`, or `FILE#HEAD` for one task head of a multi-task file."""

from __future__ import annotations

import os

from ..errors import InputError


def file_and_head(name: str | os.PathLike, head: str | None = None) -> tuple[str | os.PathLike, str | None]:
    """Return the file and the head that a name means; a file whose own name contains # is found too.

    head: one that is asked for besides; `InputError` if the name has another one.

    >>> file_and_head("nowhere#ice")  # without a file of that name, nothing says that # separates
    ('nowhere#ice', None)
    """
    text = os.fspath(name)
    if os.path.lexists(text):
        return name, head
    for place in (k for k in reversed(range(len(text))) if text[k] == "#"):
        file, named = text[:place], text[place + 1 :]
        if os.path.lexists(file):
            if head not in (None, named):
                raise InputError(f"{name}: names another head than `head={head!r}`; give one of them", argument="head")
            return file, named
    return name, head
