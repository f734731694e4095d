"""`dpa2 neighbors`: counts, pictures and the exit code."""

from __future__ import annotations

import json

import numpy as np
import pytest
from crowds import DENSE, by_hand

from dpa2 import demo, testing
from dpa2.structures.system import System


@pytest.fixture
def dataset(tmp_path):
    """A folder in each layout: two water boxes, and 27 atoms so dense that the model holds too few neighbours."""
    water = testing.water_box(8, seed=0)
    names = np.unique(water.types, return_inverse=True)[1]  # H is 0 here
    save(tmp_path / "boxes", np.stack([water.coordinates] * 2), "H O", names, np.stack([water.cell] * 2))
    save(tmp_path / "dense", DENSE[None], "O H", [0] * 27, None, real_atom_types=np.array([[0, 1] * 13 + [1]]))
    return tmp_path


def save(place, coordinates, names: str, types, cells, **arrays) -> None:
    """One data folder."""
    (place / "set.000").mkdir(parents=True)
    (place / "type_map.raw").write_text("\n".join(names.split()))
    (place / "type.raw").write_text("\n".join(map(str, types)))
    if cells is None:
        (place / "nopbc").write_text("")
    else:
        arrays["box"] = cells
    for name, array in {"coord": coordinates, **arrays}.items():
        np.save(place / "set.000" / f"{name}.npy", np.reshape(array, (len(coordinates), -1)))


def test_neighbors_reads_both_layouts_and_says_which_atom_exceeds_what(call, dataset, tmp_path):
    code, told, _ = call("neighbors", demo.MODEL, dataset, "--json", "--png", tmp_path / "counts.png")
    data = json.loads(told)
    assert code == 6
    assert data["frames"] == 3
    for block in data["blocks"]:
        assert "dense" in block["frame"]
        expected = by_hand(System(DENSE, []), block["cutoff"])
        assert (block["largest"], block["atom"]) == (26, expected.index(26))
        assert block["exceeding"] == sum(n > block["limit"] for n in expected)
        assert sum(block["histogram"]) == 24 + 24 + 27
    assert (tmp_path / "counts.png").read_bytes().startswith(b"\x89PNG")


def test_neighbors_is_content_where_nothing_exceeds(call, dataset):
    code, text, _ = call("neighbors", demo.MODEL, dataset / "boxes")
    assert code == 0
    assert "atom" in text
    assert "that the model holds" not in text


def test_what_was_counted_is_named(call, dataset):
    """A folder is searched for data below it; what was found there is told."""
    said = call("neighbors", demo.MODEL, dataset)[1].splitlines()[0]
    assert said == f"3 frames of {dataset / 'boxes'}, {dataset / 'dense'}"
    told = json.loads(call("neighbors", demo.MODEL, dataset, "--json")[1])
    assert told["sources"] == [str(dataset / "boxes"), str(dataset / "dense")]


def test_a_histogram_fits_a_row_of_80_columns(call, dataset):
    rows = [line for line in call("neighbors", demo.MODEL, dataset)[1].splitlines() if line.startswith("rep")][:2]
    assert all(len(row) < 80 and row.endswith(" 26") for row in rows)
