"""What is said of smoothness, neighbours and precision is so."""

from __future__ import annotations

import csv
import dataclasses
import json
import sys
from collections import Counter
from itertools import product

import numpy as np
import pytest
from tolerances import TOLERANCES, assert_close

import dpa2
from dpa2 import config as settings
from dpa2 import demo, errors, testing
from dpa2.descriptor import environment
from dpa2.structures.system import System
from dpa2.surveys.drags import Drag, blocks, drags
from dpa2.surveys.neighbors import BlockCounts, survey_neighbors
from dpa2.surveys.precision import largest_growth, survey_precision
from dpa2.surveys.smoothness import known_causes, survey_smoothness
from dpa2.tracing.masks import meaningful, occupied_slots

SMALL = testing.small_config()
DENSE = 0.9 * np.indices((3, 3, 3)).reshape(3, -1).T  # 27 atoms, of which the one in the middle has 26 within 1.6 Å


def narrow(repinit: int, three_body: int, repformer: int) -> settings.DPA2Config:
    """The small configuration with other limits."""
    return dataclasses.replace(
        SMALL,
        repinit=dataclasses.replace(SMALL.repinit, max_neighbors=repinit),
        three_body=dataclasses.replace(SMALL.three_body, max_neighbors=three_body),
        repformer=dataclasses.replace(SMALL.repformer, max_neighbors=repformer),
    )


def frame(system: System, name: str = "one") -> dpa2.data.Frame:
    return dpa2.data.Frame(system, None, None, None, None, None, name)


def by_hand(system: System, cutoff: float) -> list[int]:
    """Neighbours of each atom within the cutoff, by looking at all images within three cells."""
    shifts = product(range(-3, 4), repeat=3) if system.cell is not None else ()
    images = [np.array(shift) @ system.cell for shift in shifts] or [np.zeros(3)]
    places = np.concatenate([system.coordinates + image for image in images])
    distances = np.linalg.norm(places - system.coordinates[:, None], axis=-1)
    return ((distances <= cutoff) & (distances > 0)).sum(axis=1).tolist()


def counts(block: BlockCounts) -> Counter:
    return Counter({n: int(atoms) for n, atoms in enumerate(block.histogram) if atoms})


def test_neighbours_are_counted_beyond_what_the_model_holds_and_across_cells():
    water = testing.water_box(8, seed=3)
    reaches = SMALL.repinit.cutoff, SMALL.three_body.cutoff, SMALL.repformer.cutoff
    medians = [sorted(by_hand(water, cutoff))[12] for cutoff in reaches]
    for block in survey_neighbors(narrow(*medians), [frame(water)]):
        expected = by_hand(water, block.cutoff)
        assert counts(block) == Counter(expected)
        assert block.largest == max(expected)
        assert expected[block.atom] == block.largest
        assert block.exceeding == sum(n > block.limit for n in expected) > 0


def test_counts_of_several_frames_are_added_and_the_largest_is_found_where_it_is():
    loose, dense = testing.water_box(4, seed=1), System(DENSE, [0] * 27)
    together = survey_neighbors(SMALL, [frame(loose, "loose"), frame(dense, "dense"), frame(loose, "again")])
    apart = zip(survey_neighbors(SMALL, [frame(loose)]), survey_neighbors(SMALL, [frame(dense)]), strict=True)
    for block, (one, other) in zip(together, apart, strict=True):
        assert counts(block) == counts(one) + counts(one) + counts(other)
        where = ("dense", other.atom) if other.largest > one.largest else ("loose", one.atom)
        assert (block.frame, block.atom) == where


def test_virtual_atoms_are_not_counted():
    first, *_ = survey_neighbors(SMALL, [frame(System([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [0, 1, -1]))])
    assert first.histogram.tolist() == [0, 2]
    with pytest.raises(errors.InputError, match="no atoms"):
        survey_neighbors(SMALL, [frame(System([[0, 0, 0]], [-1]))])


@pytest.mark.parametrize("excluded", [(), ((0, 1),)])
@pytest.mark.parametrize("limits", [(20, 5, 8), (60, 4, 50), (60, 8, 9), (60, 40, 45)])
def test_a_block_is_said_to_be_exceeded_where_the_model_refuses(limits, excluded):
    config = dataclasses.replace(narrow(*limits), model_excluded_pairs=excluded)
    system = testing.scattered_atoms(40, types=2, apart=1.0, seed=2)
    exceeded = [(b.largest, b.atom) for b in survey_neighbors(config, [frame(system)]) if b.exceeding]
    if not exceeded:
        testing.perturbed_model(config).evaluate_many([system])
        return
    with pytest.raises(errors.TooManyNeighbors) as refused:
        testing.perturbed_model(config).evaluate_many([system])
    assert (refused.value.count, refused.value.atom) in exceeded


def test_a_model_with_the_limits_to_use_evaluates_what_the_old_one_refused():
    dense = System(DENSE, [0, 1] * 13 + [0])
    found = {block.block: block.advised for block in survey_neighbors(narrow(4, 2, 3), [frame(dense)])}
    with pytest.raises(errors.TooManyNeighbors):
        testing.perturbed_model(narrow(4, 2, 3)).evaluate_many([dense])
    testing.perturbed_model(narrow(found["repinit"], found["three_body"], found["repformer"])).evaluate_many([dense])


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


def crossed(drag: Drag, config: settings.DPA2Config) -> int:
    """How many things happen within the reach of the samples: pairs that cross a cutoff, or swaps at the centre."""
    sides = [drag.placed(drag.at + side * 5 * drag.step).coordinates for side in (-1, 1)]
    pairs = [np.linalg.norm(x[:, None] - x, axis=-1)[np.triu_indices(len(x), 1)] for x in sides]
    cutoffs = {r for inner, outer, _ in blocks(config).values() for r in (inner, outer)}
    moved = sum(int(((pairs[0] < r) != (pairs[1] < r)).sum()) for r in cutoffs)
    order = [np.argsort(np.linalg.norm(x[1:], axis=1)).tolist() for x in sides]
    return moved + (order[0] != order[1])


@pytest.mark.parametrize(
    "config",
    [
        SMALL,
        dataclasses.replace(SMALL, types=("X",), three_body=None),
        dataclasses.replace(SMALL, three_body=settings.ThreeBody(cutoff=3.2, inner_cutoff=1.0, max_neighbors=45)),
        dataclasses.replace(SMALL, repinit=dataclasses.replace(SMALL.repinit, cutoff=3.2001)),
        narrow(4, 2, 3),
    ],
    ids=["small", "one type", "blocks of one reach", "cutoffs close to each other", "few neighbours"],
)
def test_in_each_made_up_cluster_one_thing_happens_and_the_model_holds_it(config):
    model = testing.perturbed_model(config)
    quiet = [drag for drag in drags(config) if not drag.overflows]
    assert {r for i, o, _ in blocks(config).values() for r in (i, o)} <= {drag.at for drag in quiet}
    for drag in quiet:
        assert crossed(drag, config) == 1, drag.event
        model.evaluate_many([drag.placed(drag.at)])


def test_in_each_full_cluster_a_neighbour_falls_off_the_list_of_the_centre():
    for drag in drags(SMALL):
        if drag.overflows:
            block = drag.event.removeprefix("overflow of ")
            found = {b.block: b for b in survey_neighbors(SMALL, [frame(drag.placed(drag.at))])}[block]
            limit = blocks(SMALL)[block][2]
            distances = np.linalg.norm(drag.placed(drag.at - drag.step).coordinates[1:], axis=1)
            assert found.largest > limit
            assert np.argsort(distances)[limit - 1] == len(distances) - 1  # the dragged atom is the last that is kept


def surveyed(model, wanted=lambda drag: not drag.overflows) -> dict[str, str]:
    """Continuity by event."""
    found = survey_smoothness(model, filter(wanted, drags(model.config)))
    return {event.drag.event: event.continuity for event in found}


@pytest.mark.parametrize("fitting", [SMALL.fitting, settings.Fitting(frame_parameters=2, atom_parameters=1)])
def test_a_model_without_mean_is_twice_differentiable_everywhere(fitting):
    config = dataclasses.replace(SMALL, fitting=fitting)
    assert set(surveyed(testing.perturbed_model(config, statistics="centered")).values()) == {"C2"}


def test_a_mean_makes_the_cutoff_of_repinit_jump_and_nothing_else():
    model = testing.perturbed_model(SMALL, statistics="computed")
    found = surveyed(model)
    assert found.pop("cutoff of repinit") == "jumps"
    assert set(found.values()) == {"C2"}
    assert ["repinit" in cause for cause in known_causes(model)] == [True]


@pytest.mark.parametrize(("powers", "expected"), [("linear", "C0"), ("cubic", "C1")])
def test_a_switch_with_fewer_derivatives_makes_a_model_as_smooth_as_itself(monkeypatch, powers, expected):
    def rough(r, inner, outer):
        u = np.clip((r - inner) / (outer - inner), 0.0, 1.0)
        inside = ((u > 0) & (u < 1)) / (outer - inner)
        if powers == "linear":
            return 1.0 - u, lambda dw: -dw * inside
        return 1.0 - u * u * (3.0 - 2.0 * u), lambda dw: dw * -6.0 * u * (1.0 - u) * inside

    monkeypatch.setattr(environment, "switch_vjp", rough)
    model = testing.perturbed_model(SMALL, statistics="centered")
    found = surveyed(model, lambda drag: drag.event.endswith("cutoff of repformer"))
    assert set(found.values()) == {expected}


def test_smoothness_of_the_demonstration_is_complete_and_leaves_a_table_and_a_picture(call, tmp_path):
    code, text, _ = call("smoothness", demo.MODEL, "--csv", tmp_path / "s.csv", "--png", tmp_path / "s.png")
    assert code == 0
    assert "7 of 7 events are C2" in text
    assert (tmp_path / "s.png").read_bytes().startswith(b"\x89PNG")
    rows = list(csv.DictReader((tmp_path / "s.csv").read_text().splitlines()))
    events = {row["event"]: row for row in rows}
    assert len(events) == 10
    assert all(float(row["order"]) > 2 for row in rows if row["counted"] == "1")
    assert all(row["continuity"] == "jumps" for name, row in events.items() if "overflow" in name)
    for name, row in events.items():
        x, y, slope = (column(rows, name, quantity) for quantity in ("energy", "forces", "derivative of forces"))
        if "overflow" not in name:  # the force is minus the slope of the energy; of unevenly far points to either side
            assert np.allclose(np.gradient(x[1], x[0])[2:-2], -y[1][2:-2], atol=0.02 * np.abs(y[1]).max()), name
            assert np.allclose(np.gradient(y[1], y[0])[2:-2], slope[1][2:-2], atol=0.1 * np.abs(slope[1]).max()), name
        assert x[0][0] < float(row["event_distance"]) < x[0][-1]


def column(rows, event: str, quantity: str) -> np.ndarray:
    """Distances and values of one curve."""
    chosen = [row for row in rows if (row["event"], row["quantity"]) == (event, quantity)]
    return np.array([[float(row["distance"]), float(row["value"])] for row in chosen]).T


def test_smoothness_ends_with_code_6_and_names_the_cause_if_a_model_counts_neighbours(call, tmp_path):
    config = dataclasses.replace(narrow(6, 4, 5), smooth=False, types=("H", "O", "C"))
    dpa2.save(testing.perturbed_model(config, statistics="centered"), tmp_path / "counts.safetensors")
    code, told, _ = call("smoothness", tmp_path / "counts.safetensors", "--json")
    data = json.loads(told)
    rough = {event["event"] for event in data["events"] if event["counted"] and event["continuity"] != "C2"}
    assert (code, data["smooth"], rough) == (6, False, {"cutoff of repformer"})
    assert ["not smooth" in cause for cause in data["causes"]] == [True]
    assert "energy jumps by" in call("smoothness", tmp_path / "counts.safetensors")[1]


def test_pictures_of_another_kind_are_refused_before_any_work(call):
    code, _, said = call("smoothness", demo.MODEL, "--png", "curves.jpg")
    assert code == 2
    assert ".png" in said


@pytest.fixture
def water(tmp_path):
    """A file of two frames that ASE wrote."""
    ase = pytest.importorskip("ase")
    from ase.io import write

    boxes = [testing.water_box(8, seed=seed) for seed in (0, 1)]
    images = [ase.Atoms(box.types, box.coordinates, cell=box.cell, pbc=True) for box in boxes]
    write(tmp_path / "water.xyz", images, format="extxyz")
    return tmp_path / "water.xyz"


def test_precision_finds_the_rounding_of_float32_everywhere_and_more_of_it_in_bfloat16(call, water, tmp_path):
    errors_of = {}
    for dtype in ("float32", "bfloat16"):
        code, told, _ = call("precision", demo.MODEL, water, "--truncate", "--dtype", dtype, "--json")
        data = json.loads(told)
        assert (code, data["frames"], data["dtype"]) == (0, 2, dtype)
        errors_of[dtype] = {tensor["name"]: tensor["error"] for tensor in data["tensors"]}
    single, half = errors_of.values()
    assert all(0.0 < error < TOLERANCES["single precision"][0] for error in single.values())
    assert all(half[name] > 100 * error for name, error in single.items())
    assert {"energy", "force", "repinit/env_mat", "repformer/layer1/g1", "fitting/net_out"} <= single.keys()


def test_precision_shows_a_row_for_each_tensor_and_the_worst(call, water, tmp_path):
    options = "--truncate", "--frames", "1", "--png", tmp_path / "p.png"
    code, text, _ = call("precision", demo.MODEL, water, *options)
    assert code == 0
    assert "the worst of 1 structures" in text
    assert "the error grows most at" in text
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


ROUNDED = {  # a weight, and the first tensor that it enters
    "descriptor.repinit.embedding.layers.0.weight": "repinit/gg",
    "fitting.layers.1.weight": "fitting/hidden1",
}


@pytest.mark.parametrize("weight", ROUNDED)
def test_a_single_weight_that_is_rounded_is_found(weight):
    model = dpa2.load(demo.MODEL)
    state = model.state_dict()
    rounded = model.with_state(state | {weight: np.round(state[weight], 2)})
    found = survey_precision(model, rounded, [testing.water_box(8)], "truncate")
    assert next(tensor.name for tensor in found if tensor.error > 0) == ROUNDED[weight]
    assert largest_growth(found, "float32").name == ROUNDED[weight]


def test_the_error_of_several_frames_is_that_of_the_worst():
    model, boxes = dpa2.load(demo.MODEL), [testing.water_box(8, seed=seed) for seed in range(3)]
    lower = model.to("numpy", dtype="float32")
    together = survey_precision(model, lower, boxes, "truncate")
    apart = [survey_precision(model, lower, [box], "truncate") for box in boxes]
    for found, *each in zip(together, *apart, strict=True):
        errors_of = [tensor.error for tensor in each]
        assert (found.error, found.frame) == (max(errors_of), f"structure {np.argmax(errors_of)}")


@pytest.mark.parametrize("excluded", [(), ((0, 1),)])
def test_what_is_compared_does_not_depend_on_how_many_slots_others_need(excluded):
    """A far cluster widens all lists; slots of the near one that are empty for that reason are left out."""
    strip = dataclasses.replace(SMALL.repinit, type_input="strip")
    config = dataclasses.replace(SMALL, excluded_pairs=excluded, repinit=strip)
    model, near = testing.perturbed_model(config), testing.scattered_atoms(5, types=2, apart=1.1)
    places, types = np.concatenate([near.coordinates, DENSE + 50.0]), np.concatenate([near.types, [0, 1] * 13 + [0]])
    one, other = dpa2.trace(model, near.coordinates, near.types), dpa2.trace(model, places, types)
    assert other["nlist/rf"].shape[1] > one["nlist/rf"].shape[1]
    for name in one.keys() - {"energy", "virial"}:
        if not name.startswith("nlist") and name != "repinit/diff":
            assert_close("batch", chosen(name, other, types, model), chosen(name, one, near.types, model), name)


def test_excluded_pairs_are_left_out_in_the_repformer_which_takes_their_slots_for_empty():
    model = testing.perturbed_model(testing.small_config(excluded_pairs=((0, 1),)))
    system = testing.scattered_atoms(9, types=2, apart=1.0)
    seen, types = dpa2.trace(model, system.coordinates, system.types), system.types
    for name, block, left_out in (("repinit/sw", "ri", False), ("repformer/sw", "rf", True)):
        near = seen[f"nlist/{block}_local"]
        alike = types[near] == types[:, None]
        assert not alike[near >= 0].all()
        used = meaningful(name, near.shape, occupied_slots(seen, types, model.config.excluded_pairs))
        np.testing.assert_array_equal(used, (near >= 0) & (alike | (not left_out)))


def chosen(name: str, trace: dict, types: np.ndarray, model) -> np.ndarray:
    """The part of a tensor that is compared, of the first five atoms."""
    value = trace[name]
    used = meaningful(name, value.shape, occupied_slots(trace, types, model.config.excluded_pairs))
    rows = 5 if len(value) == len(types) else len(value)
    return value[:rows][used[:rows]]


def test_bfloat16_without_a_library_that_has_it_says_what_to_install(call, monkeypatch, water):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setitem(sys.modules, "jax", None)
    code, _, said = call("precision", demo.MODEL, water, "--dtype", "bfloat16")
    assert code == 7
    assert "pip install 'dpa2[torch]'" in said


def test_an_unknown_precision_is_refused(call, water):
    code, _, said = call("precision", demo.MODEL, water, "--dtype", "float16")
    assert code == 2
    assert "float32, bfloat16" in said
