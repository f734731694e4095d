"""The public names of `dpa2`, with the first sentence of each, and where the site writes out all of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from importlib import import_module

import dpa2
from dpa2 import errors

MODULES = ("config", "data", "testing", "training")  # whose own names are written out, too


def is_error(value: object) -> bool:
    """Whether a name stands on the page of errors."""
    return inspect.isclass(value) and issubclass(value, errors.DPA2Error)


def public(module) -> dict[str, object]:
    """The public functions and classes of a module by name, without errors and modules."""
    listed = getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")]
    found = {name: getattr(module, name) for name in listed}
    own = {name: value for name, value in found.items() if inspect.isroutine(value) or inspect.isclass(value)}
    return {name: value for name, value in own.items() if not is_error(value) and value.__module__.startswith("dpa2")}


def sentence(value: object) -> str:
    """The first sentence of a docstring, in one line of a table."""
    first = " ".join((inspect.getdoc(value) or "").partition("\n\n")[0].split())
    return first.replace("|", "\\|")


def rows(path: str, module, known: Callable[[object], bool]) -> Iterator[str]:
    """A row for each public function, or class, of a module."""
    yield "| name | what it is |"
    yield "|---|---|"
    for name, value in public(module).items():
        if known(value):
            yield f"| `{path}.{name}` | {sentence(value)} |"


def functions() -> Iterator[str]:
    """The functions of `dpa2`."""
    yield from rows("dpa2", dpa2, inspect.isroutine)


def classes() -> Iterator[str]:
    """The classes of `dpa2`."""
    yield from rows("dpa2", dpa2, inspect.isclass)


def modules() -> Iterator[str]:
    """The public modules of `dpa2`."""
    yield "| module | what it has |"
    yield "|---|---|"
    for name in dpa2.MODULES:
        yield f"| `dpa2.{name}` | {sentence(import_module(f'dpa2.{name}'))} |"


def details() -> Iterator[str]:
    """Directives by which the site shows signature and docstring of each name."""
    shown: list[object] = []
    for path in ("dpa2", *(f"dpa2.{name}" for name in MODULES)):
        new = {name: value for name, value in public(import_module(path)).items() if value not in shown}
        shown.extend(new.values())
        yield f"### Names of `{path}`\n"
        yield "\n".join(["```{eval-rst}", *(directive(f"{path}.{name}", new[name]) for name in new), "```"]) + "\n"


def directive(path: str, value: object) -> str:
    """The directive for a function, or for a class with its members."""
    return f".. autoclass:: {path}\n   :members:\n" if inspect.isclass(value) else f".. autofunction:: {path}\n"
