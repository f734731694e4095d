"""The table of back ends: construction by name, and what is said where that is not possible."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import dpa2
from dpa2.backends import BACKENDS, CHOICES, NAMES, backend, registry
from dpa2.errors import BackendError, MissingDependency

PACKAGE = Path(dpa2.__file__).parent


@pytest.mark.parametrize("name", NAMES)
def test_every_back_end_of_the_table_is_made_under_its_name(name):
    pytest.importorskip(BACKENDS[name].package)
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
