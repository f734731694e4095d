"""Heads of a multi-task model are found by name and share what the file shares."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from libraries import OTHERS
from peer_files import HEADS, SAMPLES

import dpa2
from dpa2 import testing
from dpa2.errors import InputError
from dpa2.serialization import contents, read

pytestmark = pytest.mark.filterwarnings("ignore::dpa2.TruncationWarning")  # lists are cut on purpose


def test_asking_for_no_head_of_several_is_an_error_that_lists_them():
    for call in (read, dpa2.load):
        with pytest.raises(InputError, match="water_1, water_2") as caught:
            call(HEADS)
        assert caught.value.heads == ["water_1", "water_2"]
    with pytest.raises(InputError, match="no head 'ice'"):
        dpa2.load(HEADS, head="ice")


def test_heads_share_in_memory_exactly_what_they_share_in_the_file():
    torch = pytest.importorskip("torch")
    state = torch.load(HEADS, weights_only=True)["model"]
    models = dpa2.load_multitask(HEADS)
    first, second = (models[head].state_dict() for head in ("water_1", "water_2"))
    shared = {name for name in first if np.shares_memory(first[name], second[name])}
    assert {name for name in first if name.startswith("descriptor.")} - shared == {"descriptor.type_transform.weight"}
    assert not {name for name in shared if not name.startswith("descriptor.")}
    places = {
        "descriptor.type_transform.weight": "descriptor.tebd_transform.matrix",
        "descriptor.repformer.layers.0.merge.weight": "descriptor.repformers.layers.0.linear1.matrix",
        "fitting.layers.0.weight": "fitting_net.filter_layers.networks.0.layers.0.matrix",
        "bias": "out_bias",
    }
    for ours, theirs in places.items():
        one, other = (state[f"model.{head}.atomic_model.{theirs}"] for head in ("water_1", "water_2"))
        assert (ours in shared) == (one.data_ptr() == other.data_ptr())


@pytest.mark.parametrize("library", OTHERS)
def test_heads_share_arrays_on_every_library(library):
    first, second = (model.state_dict() for model in dpa2.load_multitask(HEADS, backend=library).values())
    name = "descriptor.repformer.layers.0.merge.weight"
    assert first[name] is second[name]
    assert first["bias"] is not second["bias"]


def test_a_file_of_one_model_has_no_heads():
    assert contents(SAMPLES / "dpa2_tiny.dp").heads is None
    with pytest.raises(InputError, match="holds one model"):
        dpa2.load_multitask(SAMPLES / "dpa2_tiny.dp")


def test_a_head_is_brought_to_jax_in_the_three_lines_of_the_page(tmp_path, monkeypatch):
    pytest.importorskip("jax")
    page = (Path(__file__).parents[2] / "docs" / "one-head-in-jax.md").read_text()
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL).group(1)
    assert len([line for line in code.splitlines() if line and not line.startswith(("import", "#", "jax.config"))]) == 3
    shutil.copy(HEADS, tmp_path / "multitask.pt")
    monkeypatch.chdir(tmp_path)
    structure = testing.water_box(2)
    names = names_of(structure)
    alone = dpa2.load(HEADS, head="water_1").evaluate(**names, neighbors="truncate")
    exec(code, names)
    assert np.abs(np.asarray(names["forces"]) - alone.forces).max() <= 1e-12 * np.abs(alone.forces).max()


def names_of(structure) -> dict:
    """A structure as `evaluate` takes it."""
    return {"coordinates": structure.coordinates, "types": structure.types, "cell": structure.cell}
