"""A conformance kit: golden vectors, and a comparison that names the first tensor in which an implementation differs.

>>> from dpa2.conformance.vectors import shipped
>>> sorted(shipped()[0].trace)[:2]
['atom_energy', 'atom_virial']
"""

from __future__ import annotations

from ..errors import MissingDependency


def __getattr__(name: str):
    """Return the class `Conformance`, the only one here that needs pytest."""
    if name != "Conformance":
        raise AttributeError(name)
    try:
        from .suite import Conformance
    except ModuleNotFoundError as error:
        raise MissingDependency("Conformance needs pytest: pip install pytest", package="pytest") from error
    return Conformance
