"""The errors of `dpa2.errors`, each with cause and cure, and the exit codes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

from dpa2 import errors
from dpa2.exit_codes import MEANINGS, exit_code

CURE = "What to do: "  # begins the paragraph of a docstring that says what to do


def classes() -> list[type[Exception]]:
    """Return the classes of errors that a user meets, in the order in which they are declared."""
    found = [value for value in vars(errors).values() if inspect.isclass(value) and issubclass(value, Exception)]
    return [value for value in found if value.__module__ == errors.__name__ and value is not errors.DPA2Error]


def paragraphs(error: type) -> tuple[str, str]:
    """Return cause and cure of a class of errors, from its docstring; a `ValueError` if it says no cure."""
    cause, *others = (" ".join(part.split()) for part in inspect.cleandoc(error.__doc__ or "").split("\n\n"))
    cures = [text.removeprefix(CURE) for text in others if text.startswith(CURE)]
    if len(cures) != 1:
        raise ValueError(f"the docstring of {error.__name__} needs one paragraph that begins with {CURE!r}")
    return cause, cures[0]


def facts(cause: str) -> tuple[str, list[str]]:
    """Return a cause without its list of facts, and that list."""
    text, _, listed = cause.removesuffix(".").removesuffix(")").partition(" (facts: ")
    return text + ".", [name for name in re.split(r",? and |, ", listed) if name not in ("", "...")]


def all_errors() -> Iterator[str]:
    """A section for each error."""
    for error in classes():
        cause, cure = paragraphs(error)
        text, listed = facts(cause)
        yield f"### {error.__name__}\n"
        yield f"**Cause.** {text}\n"
        yield f"**What to do.** {cure}\n"
        yield f"{about(error, listed)}\n"


def about(error: type[Exception], listed: list[str]) -> str:
    """Return the line with exit code, base classes and facts of an error."""
    bases = ", ".join(f"`{base.__name__}`" for base in error.__bases__ if base is not errors.DPA2Error)
    parts = [f"Exit code {exit_code(error(''))}", f"caught as {bases}" if bases else ""]
    parts.append(f"facts: {', '.join(listed)}" if listed else "")
    return "; ".join(filter(None, parts)) + "."


def codes() -> Iterator[str]:
    """A row for each exit code, with the errors that end a command with it."""
    yield "| exit code | meaning | errors |"
    yield "|---|---|---|"
    for code, meaning in MEANINGS.items():
        names = [link(error) for error in classes() if exit_code(error("")) == code]
        yield f"| {code} | {meaning} | {', '.join(names)} |"


def link(error: type) -> str:
    """Return a link to the section of an error."""
    return f"[{error.__name__}](#{error.__name__.lower()})"
