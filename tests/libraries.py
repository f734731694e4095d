"""The array libraries that tests are parametrized over: those of the table of back ends, as far as they can run."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

import pytest

from dpa2.backends import BACKENDS, NAMES

ON_GPUS_ONLY = ("cupy",)


@cache
def lacking(name: str) -> str:
    """What a library needs to be tested here, "" if nothing: to be installed, and some of them a GPU."""
    package = BACKENDS[name].package
    if find_spec(package) is None:
        return package
    if name in ON_GPUS_ONLY:
        import cupy

        return "" if cupy.cuda.is_available() else "a GPU"
    return ""


def need(name: str) -> None:
    """Skip the test where a library cannot run."""
    if lacking(name):
        pytest.skip(f"needs {lacking(name)}")


def param(name: str):
    """A parameter that skips the test where the library cannot run."""
    return pytest.param(name, marks=pytest.mark.skipif(bool(lacking(name)), reason=f"needs {lacking(name)}"))


COMPILING = ("jax",)  # takes 10 seconds for each shape of arrays
COMPILED = param("jax")
LIBRARIES = tuple(map(param, NAMES))
EAGER = tuple(param(name) for name in NAMES if name not in COMPILING)
OTHERS = tuple(param(name) for name in NAMES if name != "numpy")
