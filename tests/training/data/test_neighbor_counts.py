"""Numbers of neighbours for `nsel` = "auto": the rule of DeePMD-kit 3.2.0 (`data_cases.json`), and the count itself."""

from __future__ import annotations

import json

import numpy as np
import pytest
from training_data import FOLDERS, TRAINING, TYPES
from training_scripts import HEADS, SINGLE, changed

import dpa2
from dpa2.data import Frame
from dpa2.errors import InputError
from dpa2.structures.system import checked
from dpa2.training.data.neighbor_counts import all_frames, count_neighbors, resolved
from dpa2.training.data.systems import read_systems
from dpa2.training.script.script import parse_script
from dpa2.training.script.selections import Automatic, read_factor

CASES = json.loads((TRAINING / "data_cases.json").read_text())["nsel_auto"]
RULES = [name for name in CASES if "/auto" in name]


def test_all_rules_of_the_reference_are_here():
    assert len(RULES) == 9


@pytest.mark.parametrize("name", RULES)
def test_a_largest_count_becomes_the_number_of_the_reference(name):
    cutoff, rule = name.split("/")
    each = Automatic(("nsel",), float(cutoff), read_factor(rule, "nsel"))
    assert each.number(CASES[f"{cutoff}/max_neighbors"]) == CASES[name]


def brute_force(system, cutoff: float) -> tuple[np.ndarray, float]:
    """Neighbours of each atom at less than a cutoff, and the smallest distance, over all images in reach."""
    real = np.flatnonzero(system.types >= 0)
    places = system.coordinates[real]
    cell = np.zeros((3, 3)) if system.cell is None else system.cell
    shifts = [np.zeros(3)] if system.cell is None else list(np.indices((9, 9, 9)).reshape(3, -1).T - 4)
    away = places[None, :, None] + (np.array(shifts) @ cell)[None, None] - places[:, None, None]
    distances = np.linalg.norm(away, axis=-1).reshape(len(real), -1)
    counts = np.zeros(len(system.types), dtype=int)
    counts[real] = ((distances < cutoff) & (distances > 0)).sum(axis=1)
    return counts, distances[distances > 0].min()


@pytest.mark.parametrize("name", FOLDERS)
def test_counts_are_those_of_all_images_of_all_frames(name):
    systems = read_systems([FOLDERS[name]], TYPES)
    found = count_neighbors(all_frames(systems), TYPES, [2.8, 3.5])
    for cutoff, most in found.most.items():
        expected = [brute_force(checked(f.system, TYPES), cutoff) for f in all_frames(systems)]
        assert most.count == max(counts.max() for counts, _ in expected)
        assert found.closest == pytest.approx(min(distance for _, distance in expected), rel=1e-13)
        frame = next(f for f in all_frames(systems) if f.name == most.frame)
        assert brute_force(checked(frame.system, TYPES), cutoff)[0][most.atom] == most.count


def test_a_neighbour_at_exactly_the_cutoff_does_not_count():
    pair = Frame(dpa2.System([[0, 0, 0], [0, 0, 3.0]], ["O", "H"]), *[None] * 5, "pair")
    found = count_neighbors([pair], TYPES, [3.0, 3.5])
    assert [found.most[cutoff].count for cutoff in (3.0, 3.5)] == [0, 1]


def test_atoms_at_one_place_and_no_frames_are_refused():
    twice = Frame(dpa2.System([[0, 0, 0], [0, 0, 0]], ["O", "H"]), *[None] * 5, "twice")
    with pytest.raises(InputError, match="twice"):
        count_neighbors([twice], TYPES, [3.0])
    with pytest.raises(InputError, match="no frames"):
        count_neighbors([], TYPES, [3.0])


AUTO = {
    "repinit": {"rcut": 3.5, "rcut_smth": 0.5, "nsel": "auto:1.5", "use_three_body": True, "three_body_rcut": 2.8,
                "three_body_sel": "auto"},
    "repformer": {"rcut": 2.8, "rcut_smth": 0.5, "nsel": "auto"},
}  # fmt: skip


def counts(name):
    return count_neighbors(all_frames(read_systems([FOLDERS[name]], TYPES)), TYPES, [2.8, 3.5])


def test_numbers_take_the_place_of_words():
    script = parse_script(changed(SINGLE, {f"model.descriptor.{name}": section for name, section in AUTO.items()}))
    found, of_data = resolved(script, {None: counts("sysA")}).config(), counts("sysA")
    assert found.repinit.max_neighbors == 4 * ((int(of_data.most[3.5].count * 1.5) + 3) // 4)
    near = 4 * ((int(of_data.most[2.8].count * 1.1) + 3) // 4)
    assert (found.repformer.max_neighbors, found.three_body.max_neighbors) == (near, near)


def test_a_shared_descriptor_has_room_for_the_data_of_all_its_heads():
    script = parse_script(changed(HEADS, {f"model.shared_dict.d.{name}": section for name, section in AUTO.items()}))
    found = resolved(script, {"ice": counts("sysA"), "sea": counts("sysB")}).model["shared_dict"]["d"]
    alone = resolved(script, {"ice": counts("sysA")}).model["shared_dict"]["d"]
    assert counts("sysA").most[3.5].count > counts("sysB").most[3.5].count
    assert found == alone
    assert isinstance(found["repformer"]["nsel"], int)
