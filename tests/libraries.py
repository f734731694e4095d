"""The array libraries that tests are parametrized over: those of the table of back ends, as far as installed."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from dpa2.backends import BACKENDS, NAMES


def param(name: str):
    """A parameter that skips the test where the library is not installed."""
    package = BACKENDS[name].package
    return pytest.param(name, marks=pytest.mark.skipif(find_spec(package) is None, reason=f"needs {package}"))


COMPILING = ("jax",)  # takes 10 seconds for each shape of arrays
LIBRARIES = tuple(map(param, NAMES))
EAGER = tuple(param(name) for name in NAMES if name not in COMPILING)
OTHERS = tuple(param(name) for name in NAMES if name != "numpy")
