"""Files that several commands are tried on."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from attacks.genuine import multitask

import dpa2
from dpa2 import demo
from dpa2.serialization import write


@pytest.fixture
def data(tmp_path):
    """A small data folder with two frames of the demonstration's box, labelled with what the model says of them."""
    box, model = demo.structure(), dpa2.load(demo.MODEL)
    moved = np.stack([box["coordinates"], box["coordinates"] + np.array([0.1, 0.0, 0.0])])
    folder = tmp_path / "water" / "set.000"
    folder.mkdir(parents=True)
    out = model.evaluate(box["coordinates"], box["types"], box["cell"])
    np.save(folder / "coord.npy", moved.reshape(2, -1))
    np.save(folder / "box.npy", np.tile(box["cell"].reshape(1, 9), (2, 1)))
    np.save(folder / "energy.npy", np.array([out.energy, out.energy + 192.0]))
    np.save(folder / "force.npy", np.tile(out.forces.reshape(1, -1), (2, 1)))
    (tmp_path / "water" / "type.raw").write_text("\n".join(map(str, box["types"])))
    (tmp_path / "water" / "type_map.raw").write_text("O\nH\n")
    return tmp_path / "water"


@pytest.fixture
def tuned(tmp_path):
    """The demonstration's model with three numbers of one tensor changed, one of them in its sign alone."""
    model, name = dpa2.load(demo.MODEL).checkpoint(), "fitting.layers.0.weight"
    first = model.weights[name].copy()
    first[0, :3] = [0.0, 3.0, 5.0]
    second = first.copy()
    second[0, :3] = [-0.0, 7.0, 2.0]
    for file, array in (("a.dp", first), ("b.yaml", second)):
        write(dataclasses.replace(model, weights=model.weights | {name: array}), tmp_path / file)
    return tmp_path / "a.dp", tmp_path / "b.yaml", name, float(np.linalg.norm(first))


@pytest.fixture
def heads(tmp_path):
    """A multi-task checkpoint with heads `ice` and `water`, of which the first is the demonstration's model."""
    dpa2.convert(demo.MODEL, tmp_path / "one.pt")
    (tmp_path / "several.pd").write_bytes(multitask((tmp_path / "one.pt").read_bytes(), "ice", "water"))
    return tmp_path / "several.pd"
