"""The reference with one line changed, for as long as it takes to compute what that gives.

A change is a text in the source of a function and the text in its place. The function is compiled anew and stands in
for the old one everywhere in the package; afterwards everything is as it was.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
import textwrap
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module

PACKAGE = __package__.rpartition(".")[0]


@contextmanager
def altered(place: str, old: str, new: str, names: dict | None = None) -> Iterator[None]:
    """`module:function` or `module:Class.method` with `new` where its source says `old`; `names` are known to it."""
    module_name, _, path = place.partition(":")
    module = import_module(f"{PACKAGE}.{module_name}")
    owner, _, name = path.rpartition(".")
    holder = getattr(module, owner) if owner else module
    original = inspect.getattr_static(holder, name)
    changed = compiled(original, old, new, vars(module) | (names or {}), place)
    with ExitStack() as stack:
        for target in [holder] if owner else users(name, original):
            stack.enter_context(replaced(target, name, changed))
        forget_activations()
        try:
            yield
        finally:
            stack.close()
            forget_activations()


def compiled(original, old: str, new: str, scope: dict, place: str):
    """The function of the changed source."""
    wrapped = next((kind for kind in (property, classmethod) if isinstance(original, kind)), None)
    function = original.fget if wrapped is property else original.__func__ if wrapped else original
    source = textwrap.dedent(inspect.getsource(function))
    if source.count(old) != 1:
        raise LookupError(f"{place}: {old!r} occurs {source.count(old)} times in its source, not once")
    exec(compile(source.replace(old, new), f"<{place}>", "exec"), scope)
    return scope[function.__name__]


def users(name: str, original) -> list:
    """All modules of the package that know a function by its name."""
    modules = [module for key, module in list(sys.modules.items()) if key.startswith(PACKAGE)]
    return [module for module in modules if getattr(module, name, None) is original]


@contextmanager
def replaced(holder, name: str, value) -> Iterator[None]:
    """An attribute that is another one for a while; the tables of activations too."""
    from ..nn.activations import ACTIVATIONS

    original = inspect.getattr_static(holder, name)
    entries = {key: entry for key, entry in ACTIVATIONS.items() if entry.vjp is original}
    setattr(holder, name, value)
    ACTIVATIONS.update({key: dataclasses.replace(entry, vjp=value) for key, entry in entries.items()})
    try:
        yield
    finally:
        setattr(holder, name, original)
        ACTIVATIONS.update(entries)


def forget_activations() -> None:
    from ..nn.activations import activation

    activation.cache_clear()
