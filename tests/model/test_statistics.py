"""What a model takes from data, against numbers that DeePMD-kit 3.2.0 computed and against the formulas spelled out.

`data/statistics.npz` holds davg and dstd of four of the reference cases' models, computed by DeePMD-kit's NumPy back
end from the cases' own four frames; `kept` with `set_davg_zero` as in the files, `computed` with it switched off.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from references import DATA, frames, load

import dpa2
from dpa2.data import Frame
from dpa2.errors import InputError

pytestmark = pytest.mark.filterwarnings("ignore::dpa2.TruncationWarning")  # lists are cut on purpose

BLOCKS = {
    "repinit": "repinit_variable",
    "three_body": "repinit_three_body_variable",
    "repformer": "repformers_variable",
}
CASES = ("base", "exclude", "four_types", "sel_binding")


def case_frames(case: str) -> list[Frame]:
    return [Frame(f.system, None, None, None, None, None, f"{case} {k}") for k, f in enumerate(frames(case))]


def means_from_data(model: dpa2.Model) -> dpa2.Model:
    config = dataclasses.replace(
        model.config,
        repinit=dataclasses.replace(model.config.repinit, zero_mean=False),
        repformer=dataclasses.replace(model.config.repformer, zero_mean=False),
    )
    checkpoint = dataclasses.replace(model.checkpoint(), config=config)
    return dpa2.Model.from_checkpoint(checkpoint)


@pytest.mark.parametrize("mode", ["kept", "computed"])
@pytest.mark.parametrize("case", CASES)
def test_statistics_are_those_of_the_reference(case, mode):
    model = load(case) if mode == "kept" else means_from_data(load(case))
    found = dpa2.compute_statistics(model, case_frames(case)).weights.descriptor
    expected = np.load(DATA / "statistics.npz")
    for block, theirs in BLOCKS.items():
        environment = getattr(found, block).environment
        np.testing.assert_allclose(environment.std, expected[f"{case}/{mode}/{theirs}/dstd"], rtol=1e-14)
        np.testing.assert_allclose(environment.mean, expected[f"{case}/{mode}/{theirs}/davg"], rtol=1e-13, atol=1e-16)


def test_an_unseen_type_and_a_constant_environment_get_the_smallest_deviations():
    lone = dpa2.System([[0.0, 0, 0]], [0])
    found = dpa2.compute_statistics(load("base"), [Frame(lone, *[None] * 5, "lone")])
    assert np.array_equal(found.weights.descriptor.repinit.environment.std, [[0.01] * 4, [0.1] * 4])


def test_virtual_atoms_do_not_count():
    frame = case_frames("base")[1]
    system = frame.system
    more = dpa2.System(
        np.concatenate([system.coordinates, np.zeros((3, 3))]), np.concatenate([system.types, [-1, -1, -1]])
    )
    one = dpa2.compute_statistics(load("base"), [frame])
    other = dpa2.compute_statistics(load("base"), [dataclasses.replace(frame, system=more)])
    for block in BLOCKS:
        a, b = (getattr(m.weights.descriptor, block).environment.std for m in (one, other))
        assert np.array_equal(a, b)


def test_statistics_of_nothing_are_refused():
    with pytest.raises(InputError, match="at least one frame"):
        dpa2.compute_statistics(load("base"), [])


def test_statistics_take_any_structure_and_a_bias_needs_energies():
    water = [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], ["O", "H", "H"]
    frame = Frame(dpa2.System(*water), *[None] * 5, "water")
    expected = dpa2.compute_statistics(load("base"), [frame]).state_dict()
    for given in (water, dpa2.System(*water)):
        found = dpa2.compute_statistics(load("base"), [given]).state_dict()
        assert all(np.array_equal(found[name], array) for name, array in expected.items())
        with pytest.raises(InputError, match="is no frame with an energy"):
            dpa2.fit_output_bias(load("base"), [given])
    with pytest.raises(InputError, match="is no structure"):
        dpa2.compute_statistics(load("base"), [3])


def labelled(energies, compositions) -> list[Frame]:
    """Frames of far-apart atoms with given total energies."""
    found = []
    for energy, (oxygens, hydrogens) in zip(energies, compositions, strict=True):
        count = oxygens + hydrogens
        positions = np.stack([np.arange(count) * 20.0, np.zeros(count), np.zeros(count)], axis=1)
        system = dpa2.System(positions, [0] * oxygens + [1] * hydrogens)
        found.append(Frame(system, energy, None, None, None, None, "far apart"))
    return found


def test_bias_is_the_least_squares_solution():
    frames = labelled([-7.0, -12.0, -9.5], [(1, 2), (2, 2), (1, 7)])
    found = dpa2.fit_output_bias(load("base"), frames).weights
    counts = np.array([[1, 2], [2, 2], [1, 7]])
    bias = np.linalg.pinv(counts) @ [-7.0, -12.0, -9.5]
    np.testing.assert_allclose(found.bias, bias, rtol=1e-12)
    np.testing.assert_allclose(found.deviation, np.std([-7.0, -12.0, -9.5] - counts @ bias), rtol=1e-9)


def test_one_composition_gives_the_bias_of_smallest_norm():
    found = dpa2.fit_output_bias(load("base"), labelled([-10.0, -12.0], [(1, 2), (1, 2)])).weights
    np.testing.assert_allclose(found.bias, [-11 / 5, -22 / 5], rtol=1e-12)
    np.testing.assert_allclose(found.deviation, 1.0, rtol=1e-12)


def with_config(model: dpa2.Model, **changes) -> dpa2.Model:
    checkpoint = model.checkpoint()
    config = dataclasses.replace(checkpoint.config, **changes)
    return dpa2.Model.from_checkpoint(dataclasses.replace(checkpoint, config=config))


def test_preset_biases_stay_and_the_others_take_the_rest():
    model = with_config(load("base"), preset_bias=(None, -1.0))
    found = dpa2.fit_output_bias(model, labelled([-7.0, -12.0], [(1, 2), (2, 2)])).weights
    np.testing.assert_allclose(found.bias, [-5.0, -1.0], rtol=1e-12)


def test_excluded_types_carry_no_bias():
    model = with_config(load("base"), excluded_types=(1,))
    found = dpa2.fit_output_bias(model, labelled([-5.0, -10.0], [(1, 2), (2, 5)])).weights
    np.testing.assert_allclose(found.bias, [-5.0, 0.0], atol=1e-12)


def test_changing_the_bias_makes_predictions_meet_the_energies():
    model, structures = load("base"), frames("base")
    shifted = [
        Frame(f.system, float(f.expected["energy"]) + 0.3 * np.sum(np.asarray(f.system.types) == 0), *[None] * 4, "x")
        for f in structures
    ]
    found = dpa2.fit_output_bias(model, shifted, change=True).weights
    np.testing.assert_allclose(found.bias - model.weights.bias, [0.3, 0.0], atol=1e-10)


def test_bias_without_energies_is_refused():
    with pytest.raises(InputError, match="no"):
        dpa2.fit_output_bias(load("base"), case_frames("base"))


WATER = [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]]


def test_statistics_are_taken_from_structures_without_labels():
    model = dpa2.load(dpa2.demo.MODEL)
    system = dpa2.System(WATER, [1, 0, 0], type_map=["H", "O"])
    expected = dpa2.compute_statistics(model, [Frame(system, *[None] * 5, "water")]).state_dict()
    for given in (system, (WATER, ["O", "H", "H"])):
        found = dpa2.compute_statistics(model, [given]).state_dict()
        assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_what_is_no_frame_with_an_energy_is_refused():
    with pytest.raises(InputError, match="frame 0"):
        dpa2.fit_output_bias(dpa2.load(dpa2.demo.MODEL), [dpa2.System(WATER, ["O", "H", "H"])])


def test_a_frame_of_virtual_atoms_adds_nothing_to_statistics():
    model = dpa2.load(dpa2.demo.MODEL)
    frames = [dpa2.System(WATER, ["O", "H", "H"]), dpa2.System(WATER, [-1, -1, -1])]
    with_it, without = (dpa2.compute_statistics(model, f).state_dict() for f in (frames, frames[:1]))
    assert all(np.array_equal(with_it[name], without[name]) for name in without)
