"""How the suite runs: one thread per worker, double precision on JAX, and how much randomness a run can afford."""

from __future__ import annotations

import os
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

DATA = Path(__file__).parent / "data"
SAFELY = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # Python 3.11.4 and newer

# Before NumPy, PyTorch or JAX start: two workers on two cores want one thread each.
os.environ.update({name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")})
os.environ.setdefault("JAX_ENABLE_X64", "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")  # half the time to compile, same numbers


def folder_for_compiled_functions() -> Path | None:
    """A new folder where JAX keeps what it compiles, so that a run compiles equal programs once; None if there is one.

    Workers and programs that tests start find it by the environment. It goes when the process that made it ends.
    """
    if "DPA2_CACHE" in os.environ:
        return None
    folder = Path(tempfile.mkdtemp(prefix="dpa2-tests-"))
    os.environ["DPA2_CACHE"] = str(folder)
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(folder / "jax")  # also where tests use JAX themselves
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    return folder


KEPT = folder_for_compiled_functions()

import pytest  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402


def unpack_data() -> None:
    """Models and results of the reference are kept as archives; and laid beside these before any test."""
    for path in DATA.rglob("*.tar.xz"):
        with tarfile.open(path) as archive:
            missing = [m for m in archive.getmembers() if not (path.parent / m.name).exists()]
            archive.extractall(path.parent, members=missing, **SAFELY)


unpack_data()

from command_files import data, heads, tuned  # noqa: E402, F401  fixtures

CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def pytest_configure(config):
    """`-m slow` multiplies the examples of every property that asks `budget` for their number."""
    slow = wants_slow(config)
    os.environ["DPA2_TEST_BUDGET"] = "20" if slow else "1"
    settings.register_profile("dpa2", deadline=None, derandomize=not slow, suppress_health_check=CHECKS)
    settings.load_profile("dpa2")


def pytest_unconfigure():
    if KEPT is not None:
        shutil.rmtree(KEPT, ignore_errors=True)


def wants_slow(config) -> bool:
    expression = config.getoption("markexpr", "")
    return "slow" in expression and "not slow" not in expression


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Properties count as slow in a slow run; tests marked slow are left out of any other."""
    if wants_slow(config):
        for item in items:
            if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
                item.add_marker("slow")
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if not item.get_closest_marker("slow")]


@pytest.fixture
def call(monkeypatch, capsys):
    """`dpa2 ARGUMENTS` in this process: exit code, output and errors."""
    from dpa2.cli import main

    def called(*arguments) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["dpa2", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "200")
        with pytest.raises(SystemExit) as stopped:
            main()
        return (stopped.value.code or 0, *capsys.readouterr())

    return called
