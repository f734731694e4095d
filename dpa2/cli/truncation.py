"""Truncation warnings on the command line: one line for all of a command."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from .output import tell_warning


@contextmanager
def truncation_as_one_line() -> Iterator[None]:
    """A context that prints its truncation warnings as one line at its end, and other warnings as they come."""
    cuts: list = []
    with warnings.catch_warnings():
        others = warnings.showwarning

        def show(message, category, *rest):
            if hasattr(message, "truncations"):  # a TruncationWarning, whose import would take long
                cuts.extend(message.truncations)
            else:
                others(message, category, *rest)

        warnings.showwarning = show
        try:
            yield
        finally:
            tell_truncation(cuts)


def tell_truncation(cuts: list) -> None:
    """Print a line on standard error that says which lists of neighbours were cut, if any were."""
    if cuts:
        from ..model.truncation import summed, wording

        tell_warning(wording(summed(cuts)))
