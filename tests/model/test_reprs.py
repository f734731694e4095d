"""What a prompt and a notebook show: a line that says what a thing is, never its arrays."""

from __future__ import annotations

import re

import numpy as np
import pytest

import dpa2
from dpa2 import System, demo, testing
from dpa2.neighbors import neighbor_list
from dpa2.structures.system import checked

MODEL = dpa2.load(demo.MODEL)
BOX = demo.structure()
SYSTEM = System(BOX["coordinates"], BOX["types"], BOX["cell"], type_map=MODEL.type_map)


def data(folder):
    """A data set of the box, twice."""
    (folder / "set.000").mkdir()
    (folder / "type.raw").write_text(" ".join(map(str, BOX["types"])))
    (folder / "type_map.raw").write_text("O H")
    for name, array in {"coord": BOX["coordinates"], "box": BOX["cell"], "energy": BOX["energy"]}.items():
        np.save(folder / "set.000" / f"{name}.npy", np.stack([np.ravel(array)] * 2))
    return dpa2.read_dataset(str(folder), MODEL.type_map)


def shown(folder) -> dict[str, tuple[object, tuple[str, ...]]]:
    """Things that users look at, and words that must be in what they see."""
    dataset = data(folder)
    return {
        "model": (MODEL, ("Model", "O, H", "3.2 Å", "5026 numbers", "float64", "numpy", "cpu")),
        "system": (SYSTEM, ("System", "O64 H128", "periodic")),
        "cluster": (System(np.zeros((3, 3)), ["O", "H", "H"]), ("H2 O1", "not periodic")),
        "wire": (System([[0, 0, 0]], ["O"], np.eye(3), pbc=(0, 1, 0)), ("periodic along b",)),
        "evaluation": (MODEL.evaluate(SYSTEM), ("Evaluation", "-29899.", "eV", "192 atoms", "eV/Å")),
        "snapshots": (MODEL.evaluate(np.stack([BOX["coordinates"]] * 2), BOX["types"], BOX["cell"]), ("2 snapshots",)),
        "descriptor": (MODEL.descriptor, ("DescriptorView", "O, H", "17 components")),
        "described": (MODEL.descriptor.evaluate(SYSTEM, neighbors="truncate"), ("192 atoms", "neighbours")),
        "data set": (dataset, ("Dataset", "2 frames", "192 atoms", "O, H", "energy")),
        "frame": (dataset[0], ("Frame", "O64 H128", "energy")),
        "frames": (dataset.sets[0], ("2 frames", "192 atoms")),
        "prepared": (MODEL.prepare_systems([SYSTEM]), ("Prepared", "192 atoms", "chunks")),
        "weights": (MODEL.weights, ("AtomicModel", "83 arrays")),
        "checkpoint": (MODEL.checkpoint(), ("Checkpoint", "83 tensors")),
        "back end": (MODEL.backend, ("NumPy", "cpu")),
        "neighbours": (neighbor_list(checked(SYSTEM, MODEL.type_map), 3.2, 40), ("192 atoms",)),
    }


def test_a_line_says_what_a_thing_is(tmp_path):
    for name, (thing, words) in shown(tmp_path).items():
        text = repr(thing)
        assert len(text) < 250, (name, text)
        assert not re.search(r"\n|array\(", text), (name, text)
        assert not [word for word in words if word not in text], (name, text)


def test_what_is_not_valid_is_shown_too():
    wrong = [System(None, None), System([[0]], object()), System([], [9], type_map=("O",)), System([], [0], pbc="x")]
    for system in wrong:
        assert repr(system).startswith("System(")
    assert "O1" in repr(System([], [0], type_map=("O",)))
    assert "virtual" in repr(System([], [-1], type_map=("O",)))


def test_many_types_are_not_all_listed():
    model = testing.perturbed_model(testing.small_config(types=tuple(f"X{k}" for k in range(60))), seed=0)
    assert len(repr(model)) < 200
    assert "(60)" in repr(model)


def test_results_that_a_library_transforms_have_a_line_too():
    jax = pytest.importorskip("jax")
    model = dpa2.load(demo.MODEL, backend="jax")
    weights, function = model.as_pytree()
    prepared = model.prepare_systems([([[0, 0, 0], [0.96, 0, 0]], ["O", "H"])])
    seen = []

    def energy(weights):
        (out,) = function(weights, prepared)
        seen.append(repr(out))
        return out.energy

    jax.eval_shape(jax.grad(energy), weights)
    assert seen[0].startswith("Evaluation(2 atoms")
    assert len(seen[0]) < 250


def test_results_of_a_module_have_the_same_line():
    pytest.importorskip("torch")
    model = dpa2.load(demo.MODEL, backend="torch")
    water = System([[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], ["O", "H", "H"])
    (out,) = model.as_module()(model.prepare_systems([water]))
    assert out.energy.requires_grad
    assert repr(out) == repr(MODEL.evaluate(water))


def test_the_calculator_says_its_model_and_options():
    pytest.importorskip("ase")
    from dpa2.ase import DPA2

    text = repr(DPA2(MODEL, skin=0.3))
    assert repr(MODEL) in text
    assert "skin = 0.3" in text
    assert "fparam" not in text
