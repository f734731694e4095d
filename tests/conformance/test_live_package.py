"""The conformance kit looks for causes while others work with the same package: nothing of it may change meanwhile."""

from __future__ import annotations

import ast
import re
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import dpa2
from dpa2.conformance.causes import CAUSES
from dpa2.conformance.check import check
from dpa2.conformance.vectors import shipped

KIT = Path(dpa2.__file__).parent / "conformance"


@pytest.fixture
def quick_turns():
    """Threads that take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def test_evaluations_in_another_thread_are_the_same_while_causes_are_tried(quick_turns):
    vector = next(v for v in shipped() if v.name.endswith("periodic"))
    model, system, parameters = vector.model, vector.system, {}
    if system.frame_parameters is not None:
        parameters["fparam"] = system.frame_parameters
    if system.atom_parameters is not None:
        parameters["aparam"] = system.atom_parameters
    mistaken = vector.trace | {"atom_energy": vector.trace["atom_energy"] + 1.0}
    results, done = [], threading.Event()

    def evaluate():
        fresh = dpa2.model.model.Model(model.config, model.weights, model.backend)  # which folds its weights anew
        found = fresh.evaluate(
            system.coordinates, system.types, system.cell, neighbors="truncate", atom_virial=True, **parameters
        )
        return [found.energy, found.forces, found.virial, found.atom_energy, found.atom_virial]

    def again_and_again():
        while not done.is_set():
            try:
                results.append(evaluate())
            except Exception as error:
                results.append([error])

    expected, worker = evaluate(), threading.Thread(target=again_and_again)
    worker.start()
    try:
        while len(results) <= 10:  # one check may be over before a slow thread has evaluated often
            check(vector, mistaken)
    finally:
        done.set()
        worker.join()
    assert len(results) > 10
    wrong = [k for k, found in enumerate(results) if not all(map(np.array_equal, found, expected))]
    assert not wrong, f"{len(wrong)} of {len(results)} evaluations differ"


def held(module) -> dict:
    """What a module and its classes have, by name."""
    found = {f"{module.__name__}.{name}": value for name, value in vars(module).items()}
    classes = [value for value in vars(module).values() if isinstance(value, type)]
    return found | {f"{c.__module__}.{c.__qualname__}.{n}": value for c in classes for n, value in vars(c).items()}


def package() -> dict:
    """What all modules of the package have."""
    modules = [module for name, module in list(sys.modules.items()) if name.partition(".")[0] == "dpa2"]
    return {name: value for module in modules for name, value in held(module).items() if "__" not in name}


def test_nothing_of_the_package_is_another_object_while_causes_are_tried(monkeypatch):
    vector = shipped()[0]
    mistaken = vector.trace | {"atom_energy": vector.trace["atom_energy"] + 1.0}
    check(vector, mistaken)  # imports what it needs
    before, changed, calls = package(), set(), []

    def look(frame, event, argument):
        if event == "call" and frame.f_code.co_name == "fold" and frame.f_code.co_filename.endswith("atomic_model.py"):
            calls.append(1)
            now = package()
            changed.update(name for name, value in before.items() if now.get(name) is not value)

    from dpa2.conformance.explaining import altered_reference

    altered_reference.cache_clear()
    sys.setprofile(look)
    try:
        check(vector, mistaken)
    finally:
        sys.setprofile(None)
    assert len(calls) > len(CAUSES)
    assert not changed


@pytest.mark.parametrize("path", sorted(KIT.rglob("*.py")), ids=lambda path: path.relative_to(KIT).as_posix())
def test_the_kit_neither_compiles_source_nor_sets_attributes(path):
    called = {node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)}
    names = {ast.unparse(function) for function in called}
    assert not {n for n in names if re.search(r"\b(exec|eval|compile|setattr|getsource|__setattr__)$", n)} - {
        "re.compile"
    }


def test_causes_have_names_of_their_own():
    assert len({cause.name for cause in CAUSES}) == len(CAUSES) > 70
