"""The example with i-PI: the real server gets what the model computes, and nothing is left when one side dies."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as xml
from pathlib import Path

import numpy as np
import pytest

import dpa2
from dpa2 import demo

units = pytest.importorskip("ase.units")
pytestmark = pytest.mark.skipif(importlib.util.find_spec("ipi") is None, reason="needs `pip install ipi`")
ROOT = Path(__file__).parents[2]
BEADS, MOLECULES = 8, 4
ATOMS = 3 * MOLECULES


@pytest.fixture
def example(monkeypatch):
    """The module run.py, whose programs import the package of this tree."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("DPA2_THREADS", "1")
    spec = importlib.util.spec_from_file_location("ipi_example", ROOT / "examples" / "ipi" / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def with_all_numbers(source: Path, target: Path) -> Path:
    """The input of the example that prints positions, forces and virials in atomic units."""
    each = [f"(atom={atom};bead={bead})" for bead in range(BEADS) for atom in range(ATOMS)]
    names = [
        "cell_h",
        "virial_cv",
        "bead_potentials",
        *(f"{name}{one}" for name in ("atom_x", "atom_f") for one in each),
    ]
    tree = xml.parse(source)
    tree.find("output/properties").text = f"[ {', '.join(names)} ]"
    tree.write(target)
    return target


def test_ipi_gets_energies_forces_and_virials_of_the_model_for_each_bead(example, tmp_path):
    example.write_start(tmp_path, MOLECULES)
    start = tmp_path / "start.xyz"
    start.write_text(start.read_text().replace(" 90 90 90 ", " 85 80 94 "))
    source = with_all_numbers(example.HERE / "input.xml", tmp_path / "source.xml")
    example.run(tmp_path, source, steps=3, clients=2)
    rows = np.loadtxt(tmp_path / "water.out")
    widths = np.cumsum([6, 6, BEADS, 3 * ATOMS * BEADS])
    types, model = ["O", "H", "H"] * MOLECULES, dpa2.load(demo.WATER)
    for row in (rows[0], rows[-1]):
        h, virial, energies, x, f = np.split(row, widths)
        cell = np.array([[h[0], 0, 0], [h[3], h[1], 0], [h[4], h[5], h[2]]]) * units.Bohr
        beads = x.reshape(BEADS, ATOMS, 3) * units.Bohr
        found = model.evaluate_many([dpa2.System(bead, types, cell) for bead in beads])
        energy, forces = (np.array([getattr(out, name) for out in found]) for name in ("energy", "forces"))
        stress = np.mean([out.stress for out in found], axis=0) * units.Bohr**3 / units.Ha
        assert np.abs(energies - energy / units.Ha).max() < 1.5e-7  # nine digits are printed, of -20
        assert np.abs(f.reshape(forces.shape) - forces * units.Bohr / units.Ha).max() < 1e-7
        printed = -stress[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]
        assert np.abs(virial - printed).max() < 1e-6 * np.abs(printed).max()
    assert beads.std(axis=0).max() > 1e-3  # beads are apart


@pytest.mark.parametrize(("victim", "message"), [(0, "i-PI ended with status -9"), (1, "a client ended before i-PI")])
def test_when_one_side_is_killed_the_other_ends_and_no_socket_stays(example, tmp_path, victim, message):
    programs, begin = [], example.start

    def start(*words):
        programs.append(begin(*words))
        return programs[-1]

    def kill():
        output = tmp_path / "water.out"
        for _ in range(600):
            if output.exists() and output.stat().st_size > 2000:
                break
            time.sleep(0.05)
        programs[victim].send_signal(signal.SIGKILL)

    example.start = start
    example.write_start(tmp_path, MOLECULES)
    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(SystemExit, match=message):
        example.run(tmp_path, example.HERE / "input.xml", steps=10**6, clients=1)
    killer.join()
    assert len(programs) == 2
    assert all(program.returncode is not None for program in programs)
    assert not Path(f"/tmp/ipi_dpa2-{os.getpid()}").exists()
    if victim == 0:
        said = (tmp_path / "client-0.log").read_text().splitlines()
        assert len(said) == 1
        assert said[0].startswith("client.py: ")


def test_ctrl_c_ends_all_programs_with_its_exit_code(tmp_path):
    folder = tmp_path / "run"
    running = subprocess.Popen(
        [sys.executable, str(ROOT / "examples/ipi/run.py"), "--steps", "100000", "--folder", str(folder)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "DPA2_THREADS": "1"}, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    output, end = folder / "water.out", time.monotonic() + 60
    while time.monotonic() < end and not (output.exists() and output.stat().st_size > 2000):
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does
    said = running.communicate(timeout=20)[1]
    assert (running.returncode, said) == (130, "")
    with pytest.raises(ProcessLookupError):
        os.killpg(running.pid, 0)
