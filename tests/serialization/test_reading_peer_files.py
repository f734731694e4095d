"""Models of the peer have the same bits whichever file they come from."""

from __future__ import annotations

import numpy as np
import pytest
from peer_files import CASES, HEADS, SAMPLES, SOURCES, as_trained, by_name, trained
from tolerances import TOLERANCES

import dpa2
from dpa2.serialization import compare, read


@pytest.mark.parametrize("path", SOURCES, ids=by_name)
def test_one_model_has_one_digest_in_every_format(path):
    model, reference = read(path), read(SAMPLES / "dpa2_tiny.dp")
    assert model.config == reference.config
    assert {n: a.tobytes() for n, a in model.weights.items()} == {n: a.tobytes() for n, a in reference.weights.items()}
    assert model.digest() == reference.digest()


def test_the_strip_model_is_read_from_its_checkpoint():
    found = read(SAMPLES / "dpa2_tiny_strip.trainer_checkpoint.pt")
    assert found.digest() == read(SAMPLES / "dpa2_tiny_strip.dp").digest()


@pytest.mark.parametrize("suffix", [".pth", ".dp"])
def test_a_compressed_model_is_the_model_before_with_tables_beside_its_nets(suffix):
    found, before = read(SAMPLES / f"dpa2_tiny_strip.compressed{suffix}"), read(SAMPLES / "dpa2_tiny_strip.dp")
    differences = compare(before, found)
    assert differences.compressed
    assert not differences.equal
    assert found.config.repinit.compression.intervals == 1120


@pytest.mark.parametrize("head", ["water_1", "water_2"])
def test_a_head_of_a_multi_task_checkpoint_is_the_model_that_was_frozen_from_it(head):
    assert read(HEADS, head).digest() == read(SAMPLES / f"dpa2_tiny_multitask.head_{head}.dp").digest()


@pytest.mark.parametrize("head", ["water_1", "water_2"])
@pytest.mark.parametrize("frame", ["pbc", "cluster", "triclinic"])
def test_a_head_computes_what_the_peer_computes_with_it(head, frame):
    expected = np.load(SAMPLES / f"expected.multitask_{head}.npz")
    box = expected[f"{frame}/box"]
    out = dpa2.load(HEADS, head=head).evaluate(
        expected[f"{frame}/coord"], expected[f"{frame}/types"], box if box.size else None
    )
    energy, forces = expected[f"{frame}/energy"], expected[f"{frame}/force"]
    assert abs(out.energy - energy[0]) <= TOLERANCES["samples"][0] * abs(energy[0])
    assert np.abs(out.forces - forces).max() <= TOLERANCES["sample forces"][0] * np.abs(forces).max()


@pytest.mark.parametrize("name", ["dpa2_tiny_ptexpt.trainer_checkpoint.pt", "dpa2_tiny_paddle.trainer_checkpoint.pd"])
def test_checkpoints_of_other_trainers_are_read_whole(name):
    model, tiny = read(SAMPLES / name), read(SAMPLES / "dpa2_tiny.dp")
    assert model.config == tiny.config
    assert {n: a.shape for n, a in model.weights.items()} == {n: a.shape for n, a in tiny.weights.items()}


def test_the_exportable_dialect_holds_what_pytorch_reads_there():
    torch = pytest.importorskip("torch")
    path = SAMPLES / "dpa2_tiny_ptexpt.trainer_checkpoint.pt"
    state, model = torch.load(path, weights_only=True)["model"], read(path).weights
    layer = "model.Default.atomic_model.descriptor.repformers.layers.1.linear1"
    assert (state[f"{layer}.w"].numpy() == model["descriptor.repformer.layers.1.merge.weight"]).all()
    assert (state[f"{layer}.b"].numpy() == model["descriptor.repformer.layers.1.merge.bias"]).all()
    net = "model.Default.atomic_model.descriptor.repinit.embeddings._networks.0.layers.2"
    assert (state[f"{net}.idt"].numpy() == model["descriptor.repinit.embedding.layers.2.timestep"]).all()


@pytest.mark.parametrize("case", ["nosqrt", "no_out_both", "no_out_conv", "no_out_mlp", "strip", "no_three_body"])
def test_options_that_an_old_script_lacks_are_found_out_from_the_arrays(case, tmp_path):
    checkpoint = read(CASES / f"{case}.dp")
    state, script = as_trained(checkpoint)
    for section, key in (
        ("repformer", "g1_out_conv"), ("repformer", "g1_out_mlp"), ("repformer", "nsel"), ("repinit", "nsel"),
        ("repinit", "tebd_input_mode"), ("repinit", "use_three_body"),
    ):  # fmt: skip
        del script["descriptor"][section][key]
    del script["descriptor"]["use_tebd_bias"]
    if not checkpoint.config.repformer.root_normalization:
        del script["descriptor"]["repformer"]["use_sqrt_nnei"]
    path = trained(tmp_path / "old.pt", state, script)
    assert read(path).digest() == checkpoint.digest()


def test_a_bare_state_dictionary_is_read_too(tmp_path):
    checkpoint = read(SAMPLES / "dpa2_tiny.dp")
    state, script = as_trained(checkpoint)
    path = trained(tmp_path / "bare.pt", state, script, bare=True)
    assert read(path).digest() == checkpoint.digest()


def test_views_of_storages_are_read_as_pytorch_means_them(tmp_path):
    torch = pytest.importorskip("torch")
    checkpoint = read(SAMPLES / "dpa2_tiny.dp")
    state, script = as_trained(checkpoint)
    for name, tensor in list(state.items()):
        if tensor.ndim == 2:
            roomy = torch.zeros(tensor.shape[1] + 3, tensor.shape[0] + 2, dtype=tensor.dtype)
            roomy[1:-2, 1:-1] = tensor.T
            state[name] = roomy[1:-2, 1:-1].T
    assert read(trained(tmp_path / "views.pt", state, script)).digest() == checkpoint.digest()
