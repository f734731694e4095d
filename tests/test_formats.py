"""Models of the peer in all the formats that they live in: the same bits, whichever file they come from or go to."""

from __future__ import annotations

import io
import os
import pickle
import re
import shutil
import subprocess
import sys
import zipfile
from collections import OrderedDict
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from budgets import budget
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from tolerances import TOLERANCES

import dpa2
from dpa2 import testing
from dpa2.errors import FormatError, InputError, TargetLacks, UnsupportedModel
from dpa2.serialization import Checkpoint, compare, contents, inventory, read, write

SAMPLES = Path(__file__).parent / "data" / "samples"
TINY = ("frozen.pth", "hlo", "jax", "pd", "pt2", "pte", "trainer_checkpoint.pt", "yaml")
SOURCES = [SAMPLES / f"dpa2_tiny.{ending}" for ending in (*TINY, "dp")]
TARGETS = (".dp", ".yaml", ".json", ".safetensors", ".pt", ".jax")
HEADS = SAMPLES / "dpa2_tiny_multitask.trainer_checkpoint.pt"
CASES = SAMPLES.parent / "cases"


def by_name(path) -> str:
    return str(getattr(path, "name", path))


# --- reading what the peer wrote


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


def as_trained(checkpoint: Checkpoint) -> tuple[dict, dict]:
    """A state dictionary of PyTorch's arrays and the script beside it, as a training would keep them."""
    torch = pytest.importorskip("torch")
    from dpa2.serialization.settings.script import config_to_script
    from dpa2.serialization.state.state import checkpoint_to_state

    state = checkpoint_to_state(checkpoint)
    tensors = {f"model.Default.atomic_model.{n}": torch.from_numpy(a.copy()) for n, a in state.items()}
    return tensors, config_to_script(checkpoint.config)


def trained(path: Path, state: dict, script: dict, bare: bool = False) -> Path:
    """The file that PyTorch makes of them."""
    import torch

    whole = OrderedDict(state, _extra_state={"model_params": script, "train_infos": {"lr": 1e-3, "step": 7}})
    torch.save(whole if bare else {"model": whole, "optimizer": {"state": {}, "param_groups": []}}, path)
    return path


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


# --- heads


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


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_heads_share_arrays_on_every_library(library):
    pytest.importorskip(library)
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
    page = (Path(__file__).parents[1] / "docs" / "formats.md").read_text()
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL).group(1)
    assert len([line for line in code.splitlines() if line and not line.startswith(("import", "#"))]) == 3
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


def test_formats_of_pytorch_paddle_and_jax_are_read_without_these(tmp_path):
    program = """
import sys
import dpa2
for name in sys.argv[1:]:
    dpa2.load(name).checkpoint().digest()
print(sorted({"torch", "jax", "paddle", "deepmd", "orbax"} & set(sys.modules)))
"""
    files = [str(SAMPLES / f"dpa2_tiny.{ending}") for ending in TINY if ending != "jax"]
    done = subprocess.run([sys.executable, "-c", program, *files], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- writing


@pytest.mark.parametrize(("source", "suffix"), list(product(SOURCES, TARGETS)), ids=by_name)
def test_every_format_becomes_every_other_without_a_changed_bit(source, suffix, tmp_path):
    needs(suffix)
    digest = dpa2.convert(source, tmp_path / f"model{suffix}")
    assert digest == read(tmp_path / f"model{suffix}").digest() == read(SAMPLES / "dpa2_tiny.dp").digest()


SPECIAL = (0.0, -0.0, 5e-324, -2.2e-308, 1.7e308, -1.1754943508222875e-38, 3.4028234663852886e38, 1 / 3)


@st.composite
def checkpoints(draw) -> Checkpoint:
    """Any model of the peer, with weights at the ends of what their precision holds."""
    config = draw(testing.configurations(parameters=True))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    weights = {}
    for name, (shape, dtype) in inventory(config).items():
        numbers = np.where(
            generator.random(shape) < 0.5, generator.choice(SPECIAL, shape), generator.normal(size=shape)
        )
        largest = np.finfo(dtype).max
        weights[name] = np.clip(numbers, -largest, largest).astype(dtype)
    return Checkpoint(config, weights, {})


@given(checkpoints(), st.permutations(TARGETS))
@budget(12)
def test_random_models_pass_through_every_pair_of_formats(tmp_path_factory, checkpoint, order):
    folder = tmp_path_factory.mktemp("formats")
    if checkpoint.config.repinit.attention:
        for suffix in set(TARGETS) - {".safetensors"}:
            with pytest.raises(TargetLacks, match="attention"):
                write(checkpoint, folder / f"model{suffix}")
        order = [".safetensors"]
    write(checkpoint, folder / f"0{order[0]}")
    for k, (one, other) in enumerate(zip(order, [*order[1:], order[0]], strict=True)):
        dpa2.convert(folder / f"{k}{one}", folder / f"{k + 1}{other}")
        assert read(folder / f"{k + 1}{other}").digest() == checkpoint.digest()
    shutil.rmtree(folder)


@pytest.mark.parametrize("case", ["fparam", "float32", "strip", "econf", "model_exclude", "four_types"])
def test_a_written_checkpoint_holds_for_pytorch_what_the_file_holds_for_us(case, tmp_path):
    torch = pytest.importorskip("torch")
    checkpoint = read(CASES / f"{case}.dp")
    write(checkpoint, tmp_path / "model.pt")
    loaded = torch.load(tmp_path / "model.pt", weights_only=True)["model"]
    tensors, _ = as_trained(checkpoint)
    assert all(
        torch.equal(loaded[name], tensor) and loaded[name].dtype == tensor.dtype for name, tensor in tensors.items()
    )
    alias = "model.Default.atomic_model.fitting_net.filter_layers._networks.0.layers.0.matrix"
    assert loaded[alias].data_ptr() == loaded[alias.replace("_networks", "networks")].data_ptr()


def test_the_same_model_gives_the_same_checkpoint_to_the_byte(tmp_path):
    for name in ("a.pt", "b.pt"):
        dpa2.convert(SAMPLES / "dpa2_tiny.dp", tmp_path / name)
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()


def test_numbers_in_a_checkpoint_begin_at_multiples_of_64_bytes(tmp_path):
    dpa2.convert(SAMPLES / "dpa2_tiny.dp", tmp_path / "model.pt")
    data = (tmp_path / "model.pt").read_bytes()
    for entry in zipfile.ZipFile(io.BytesIO(data)).infolist():
        start = entry.header_offset
        name, extra = (int.from_bytes(data[start + k : start + k + 2], "little") for k in (26, 28))
        assert (start + 30 + name + extra) % 64 == 0


@pytest.mark.parametrize("suffix", [".pth", ".pt2", ".pte", ".hlo", ".pd"])
def test_formats_with_programs_in_them_are_not_written_and_the_way_round_is_named(suffix, tmp_path):
    with pytest.raises(InputError, match="dp convert-backend"):
        dpa2.convert(SAMPLES / "dpa2_tiny.dp", tmp_path / f"model{suffix}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["model.savedmodel", "model.savedmodeltf", "model.pdiparams", "model.pb"])
def test_formats_without_readable_weights_are_refused_with_the_way_round(name, tmp_path):
    (tmp_path / name).write_bytes(b"anything")
    with pytest.raises(UnsupportedModel, match="convert the checkpoint"):
        read(tmp_path / name)


def needs(suffix: str) -> None:
    if suffix == ".jax":
        pytest.importorskip("tensorstore")


# --- pickles


def plain_objects():
    leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
    leaves |= arrays(
        st.sampled_from(["<f8", ">f4", "<i8", "?"]), array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
    )
    keys = st.text() | st.integers()
    return st.recursive(
        leaves, lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(keys, inner), max_leaves=20
    )


@given(plain_objects(), st.sampled_from([2, 3, 4]))
def test_plain_pickles_are_read_as_python_reads_them(value, protocol):
    from dpa2.serialization.unpickling.pickles import read_pickle
    from dpa2.serialization.unpickling.tensors import names_of_numpy

    assert same(read_pickle(pickle.dumps(value, protocol), names_of_numpy), value)


def same(found, value) -> bool:
    if isinstance(value, np.ndarray):
        found = found.array
        return (found.dtype, found.shape, found.tobytes()) == (value.dtype, value.shape, value.tobytes())
    if isinstance(value, dict):
        return list(found) == list(value) and all(same(found[key], item) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return type(found) is type(value) and len(found) == len(value) and all(map(same, found, value))
    return type(found) is type(value) and found == value


def test_a_pickle_that_calls_a_function_calls_nothing(tmp_path):
    class Trap:
        def __reduce__(self):
            return open, (str(tmp_path / "proof"), "w")

    (tmp_path / "model.pd").write_bytes(pickle.dumps({"model": Trap()}))
    with pytest.raises(FormatError, match="the name"):
        read(tmp_path / "model.pd")
    assert not (tmp_path / "proof").exists()


# --- the peer itself, where it is installed


@pytest.mark.parametrize("case", ["fparam", "float32", "strip", "econf", "model_exclude", "exclude"])
def test_the_peer_reads_what_was_written_for_jax(case, tmp_path):
    python = peer()
    source = CASES / f"{case}.dp"
    dpa2.convert(source, tmp_path / "ours.jax")
    program = (
        "from deepmd.entrypoints.convert_backend import convert_backend as c; c(INPUT='ours.jax', OUTPUT='back.dp')"
    )
    subprocess.run([python, "-c", program], cwd=tmp_path, check=True, capture_output=True)
    assert read(tmp_path / "back.dp").digest() == read(source).digest()


def peer() -> str:
    """An interpreter that has DeePMD-kit with its JAX part."""
    given = dict(word.split("=", 1) for word in os.environ.get("DPA2_PEER_PYTHON", "").split())
    if "jax" in given:
        return given["jax"]
    return sys.executable if find_spec("deepmd") else pytest.skip("DeePMD-kit is not installed (DPA2_PEER_PYTHON)")
