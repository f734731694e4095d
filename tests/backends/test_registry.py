"""The table of back ends: construction by name, and what is said where that is not possible."""

from __future__ import annotations

import ast
import pickle
from pathlib import Path

import numpy as np
import pytest
from libraries import need

import dpa2
from dpa2.backends import BACKENDS, CHOICES, NAMES, Standard, backend, register, registry
from dpa2.errors import BackendError, MissingDependency

PACKAGE = Path(dpa2.__file__).parent


@pytest.mark.parametrize("name", NAMES)
def test_every_back_end_of_the_table_is_made_under_its_name(name):
    need(name)
    assert backend(name).name == name


def test_an_unknown_name_is_refused_with_the_table():
    with pytest.raises(BackendError, match="there is no back end 'tensorflow'") as caught:
        backend("tensorflow")
    for name, entry in BACKENDS.items():
        assert f"{name}: {entry.install}" in str(caught.value)


def test_a_missing_library_comes_with_the_command_of_its_entry(monkeypatch):
    entry = registry.Entry("numpy", "NumPy", package="no_such_library", extra="absent")
    monkeypatch.setitem(BACKENDS, "absent", entry)
    with pytest.raises(MissingDependency, match="no_such_library is needed") as caught:
        backend("absent")
    assert caught.value.install == entry.install == "pip install 'dpa2[absent]'"


def test_one_line_of_the_table_adds_a_back_end(monkeypatch):
    monkeypatch.setitem(BACKENDS, "another", registry.Entry("numpy", "NumPy", package="numpy"))
    assert backend("another").name == "numpy"
    assert dpa2.load(dpa2.demo.MODEL, backend="another").backend.shape == backend("numpy").shape


def test_help_texts_name_every_back_end():
    assert all(name in CHOICES for name in NAMES)


def test_commands_that_install_libraries_name_extras_that_exist():
    tomllib = pytest.importorskip("tomllib")
    extras = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert {entry.extra for entry in BACKENDS.values()} - {""} <= extras.keys()


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_other_file_lists_the_back_ends(path):
    if path == PACKAGE / "backends" / "registry.py":
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            words = {item.value for item in node.elts if isinstance(item, ast.Constant)}
            assert not {"torch", "jax"} <= words, f"{path.name}, line {node.lineno}"


@pytest.fixture
def strict(monkeypatch):
    """array_api_strict, registered for a test."""
    xp = pytest.importorskip("array_api_strict")
    monkeypatch.setattr(registry, "MADE", {})
    register("strict", lambda device: Standard("strict", xp))
    return xp


WATER = [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], ["O", "H", "H"], None


def test_a_library_that_follows_the_standard_is_registered_in_a_line(strict):
    model, expected = dpa2.load(dpa2.demo.MODEL, backend="strict"), dpa2.load(dpa2.demo.MODEL)
    found = model.evaluate(*WATER)
    assert found.forces.__array_namespace__() is strict
    assert np.abs(np.asarray(found.forces) - expected.evaluate(*WATER).forces).max() < 1e-15
    assert np.abs(np.asarray(model.hessian(*WATER)) - expected.hessian(*WATER)).max() < 1e-8
    assert expected.to("strict").to("numpy").checkpoint().digest() == expected.checkpoint().digest()
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(np.asarray(again.evaluate(*WATER).forces), np.asarray(found.forces))


def test_a_precision_that_a_registered_library_lacks_is_named(strict):
    with pytest.raises(BackendError, match="strict has no bfloat16"):
        dpa2.load(dpa2.demo.MODEL, backend="strict", dtype="bfloat16")


@pytest.mark.parametrize("name", ["numpy", "jax", "my library", ""])
def test_a_name_that_is_taken_or_none_is_not_registered(name):
    with pytest.raises(BackendError, match="choose another name"):
        register(name, lambda device: None)


def test_a_registered_name_is_among_the_known_ones(strict):
    with pytest.raises(BackendError, match=r"known: .*strict"):
        backend("tensorflow")


@pytest.mark.parametrize("make", [None, "strict", Standard.__doc__])
def test_what_makes_no_back_end_is_not_registered(make, monkeypatch):
    monkeypatch.setattr(registry, "MADE", {})
    with pytest.raises(BackendError, match="lambda device"):
        register("mine", make)
    assert registry.MADE == {}


def test_an_object_without_the_members_of_a_back_end_is_refused_with_their_names(monkeypatch):
    monkeypatch.setattr(registry, "MADE", {})
    register("mine", lambda device: np)
    with pytest.raises(BackendError, match=r"mine: .* a module without .*own_settings.*wide") as caught:
        dpa2.load(dpa2.demo.MODEL, backend="mine")
    assert caught.value.backend == "mine"
