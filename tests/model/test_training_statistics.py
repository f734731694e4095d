"""Statistics for a training, against DeePMD-kit 3.2.0: all frames of its folders (`descriptor_stats.npz`), and several
heads that share a descriptor (the files that its multi-task training began with)."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from training_data import FOLDERS, TRAINING, write_folder

import dpa2
from dpa2 import testing
from dpa2.errors import InputError
from dpa2.model.parameter_statistics import compute_parameter_statistics
from dpa2.model.statistics import environment_moments, merged, with_environment_moments
from dpa2.training.script.file import read_script

BLOCKS = ("repinit", "three_body", "repformer")
CASES = {  # folders, and settings beside those of the script
    "AB": (("sysA", "sysB"), {}),
    "mixC": (("mixC",), {}),
    "AB_pairexcl": (("sysA", "sysB"), {"model_excluded_pairs": ((0, 1),)}),
    "AB_descexcl": (("sysA", "sysB"), {"excluded_pairs": ((0, 1),)}),
}


def fresh(**settings) -> dpa2.Model:
    """A model of the reference's script that takes means from data, too."""
    config = read_script(TRAINING / "allterms_adamw" / "input.json").config()
    means = {n: dataclasses.replace(getattr(config, n), zero_mean=False) for n in ("repinit", "repformer")}
    return dpa2.build(dataclasses.replace(config, **{**means, **settings}), seed=1)


def data(*names):
    return dpa2.read_dataset([FOLDERS[name] for name in names])


@pytest.mark.parametrize("case", CASES)
def test_normalisations_and_moments_are_those_of_the_reference(case):
    folders, settings = CASES[case]
    expected, model = np.load(TRAINING / "descriptor_stats.npz"), fresh(**settings)
    moments = environment_moments(model, data(*folders))
    found = with_environment_moments(model, moments).weights.descriptor
    for block in BLOCKS:
        environment = getattr(found, block).environment
        np.testing.assert_allclose(environment.mean, expected[f"{case}/{block}/davg"], rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(environment.std, expected[f"{case}/{block}/dstd"], rtol=1e-12)
        columns = {"r": moments[block].radial, "a": moments[block].angular}
        keys = expected[f"{case}/{block}/stats_keys"].tolist()
        assert keys == ["a_0", "a_1", "r_0", "r_1"]
        for key, numbers in zip(keys, expected[f"{case}/{block}/stats"], strict=True):
            own, kind = columns[key[0]], int(key[2:])
            np.testing.assert_allclose(
                [own.count[kind], own.total[kind], own.squares[kind]], numbers, rtol=1e-12, atol=1e-12
            )


def test_moments_of_heads_that_share_a_descriptor_are_added():
    """Unweighted by how often a head is chosen, which is 1 : 3 here."""
    file = dpa2.load(TRAINING / "multitask" / "initial.h1.dp")
    expected, model = file.weights.descriptor, dpa2.build(file.config, seed=1)
    total = merged([environment_moments(model, data(name)) for name in ("sysB", "mixC")])
    found = with_environment_moments(model, total).weights.descriptor
    for block in BLOCKS:
        own, theirs = getattr(found, block).environment, getattr(expected, block).environment
        np.testing.assert_allclose(own.mean, theirs.mean, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(own.std, theirs.std, rtol=1e-12)
        assert (np.abs(theirs.mean).max() > 0.01) == (block != "repformer"), "repformer keeps its mean of zero"


def with_parameters(**counts) -> dpa2.Model:
    config = testing.small_config()
    return dpa2.build(dataclasses.replace(config, fitting=dataclasses.replace(config.fitting, **counts)), seed=1)


def test_parameters_are_normalised_over_frames_and_over_real_atoms(tmp_path):
    generator = np.random.default_rng(0)
    fparam, aparam = generator.normal(3, 2, (4, 2)), generator.normal(-1, 5, (4, 3, 1))
    fparam[:, 1] = 7.0  # constant: its deviation is kept away from 0
    types = np.array([[0, 1, 1], [0, 1, -1], [0, 1, 1], [1, 0, 1]])
    place = write_folder(tmp_path / "a", [0, 0, 0], fparam=fparam, aparam=aparam.reshape(4, 3), real_atom_types=types)
    model = with_parameters(frame_parameters=2, atom_parameters=1)
    found = compute_parameter_statistics(model, dpa2.read_dataset(place), 0.05).weights.fitting
    np.testing.assert_allclose(found.frame_mean, fparam.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(found.frame_scale, [1 / fparam[:, 0].std(), 1 / 0.05], rtol=1e-13)
    real = aparam[types >= 0]
    np.testing.assert_allclose(found.atom_mean, real.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(found.atom_scale, 1 / real.std(axis=0), rtol=1e-13)


def test_a_model_without_parameters_stays_and_missing_ones_are_refused(tmp_path):
    frames = dpa2.read_dataset(write_folder(tmp_path / "a"))
    plain = with_parameters()
    before, after = plain.state_dict(), compute_parameter_statistics(plain, frames).state_dict()
    assert all(np.array_equal(before[name], after[name]) for name in before)
    with pytest.raises(InputError, match="fparam"):
        compute_parameter_statistics(with_parameters(frame_parameters=1), frames)
    with pytest.raises(InputError, match="at least one frame"):
        compute_parameter_statistics(with_parameters(frame_parameters=1), [])
